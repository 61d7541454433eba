import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { eventually } from "./kit/eventually.ts"
import { connect } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"
import { session } from "./kit/sessions.ts"

const drainTimeout = "10 seconds"
const backoff = Schedule.spaced("10 millis")
const goodbye = { code: 1012, reason: "proxy is shutting down" } as const

// Closes it, and says how long that took.
const timed = Effect.fnUntraced(function* (close: Effect.Effect<void>) {
  const started = performance.now()
  yield* close
  return performance.now() - started
})

describe("a proxy that closes", () => {
  it.live("does not wait for a client that is away: its upstream is told at once", () =>
    Effect.gen(function* () {
      const { client, is, peer, proxy, receipts, rows } = yield* session({ drainTimeout })
      client.ws.terminate()
      yield* is("ClientAway")
      yield* peer.send("held")
      yield* eventually(() => rows()[0]?.bufferedMessages === 1)
      const took = yield* timed(proxy.close)
      assert.isBelow(took, 1000)
      assert.deepStrictEqual(yield* peer.closed, { code: 1001, reason: "proxy is shutting down" })
      assert.deepInclude(receipts()[0], { hop: "client", back: false, lost: 1 })
    }),
  )

  it.live("does not wait for an upstream that is away: its client is told at once, the dialling stops", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, drainTimeout, backoff })
      const [client, peer] = yield* Effect.all([connect(proxy.url), Raw.accept(up)], { concurrency: 2 })
      peer.reset()
      const dial = yield* up.accepted
      yield* client.send("held")
      const took = yield* timed(proxy.close)
      assert.isBelow(took, 1500)
      assert.deepStrictEqual(yield* client.closed, goodbye)
      yield* dial.closed
      assert.strictEqual(up.count(), 2)
    }),
  )

  it.live("ends the shared upstream of receivers, and tells all of them", () =>
    Effect.gen(function* () {
      const { client, peer, proxy } = yield* session({ mode: "receiver", drainTimeout })
      const other = yield* connect(proxy.url)
      yield* timed(proxy.close)
      for (const one of [client, other]) assert.deepStrictEqual(yield* one.closed, goodbye)
      assert.deepStrictEqual(yield* peer.closed, { code: 1001, reason: "proxy is shutting down" })
    }),
  )

  it.live("does not wait for a client that vanishes meanwhile, nor dials an upstream that does", () =>
    Effect.gen(function* () {
      const { client, join, peer, proxy, rows, up } = yield* session({ drainTimeout: "4 seconds", backoff })
      const two = yield* join
      const three = yield* join
      const closing = yield* Effect.forkChild(timed(proxy.close))
      yield* client.closed // the first goodbye; the others come a second later
      yield* peer.closed
      two.client.ws.terminate()
      assert.deepStrictEqual(yield* two.peer.closed, { code: 1001, reason: "client gone" })
      three.peer.ws.terminate()
      assert.isBelow(yield* Fiber.join(closing), 4000)
      assert.include([1012, 1014], (yield* three.client.closed).code)
      yield* eventually(() => rows().length === 0 && up.server.clients.size === 0)
    }),
  )
})
