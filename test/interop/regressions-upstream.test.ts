import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import type WebSocket from "ws"
import { eventually } from "./kit/eventually.ts"
import { connect } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"
import { heard, restartable, resume, session, sessionsOf, talk } from "./kit/restartable.ts"

// The defects of ws-reconnect-proxy, numbered as in its description: none of them may exist here.

const often = { backoff: Schedule.spaced("10 millis") }

describe("regressions: an upstream that goes away", () => {
  it.live("B1: the upstream is dialled again and again, not once", () =>
    Effect.gen(function* () {
      const { client, proxy, turned, up } = yield* session(often)
      const failed = () => proxy.events().filter(({ _tag }) => _tag === "Failed").length
      for (const outage of [1, 2]) {
        up.leave(1012, "Service Restart")
        yield* turned("UpstreamAway")
        yield* client.send(`held ${outage}`)
        const before = failed()
        yield* proxy.until(() => failed() >= before + 5)
        yield* client.send("and held")
        up.comeBack()
        const peer = yield* up.accepted
        assert.deepStrictEqual([yield* peer.next, yield* peer.next], [`held ${outage}`, "and held"])
        assert.deepStrictEqual(yield* talk(client, peer), heard)
      }
    }),
  )

  it.live("B1: a client whose upstream never returns is told, not left open for ever", () =>
    Effect.gen(function* () {
      const { client, proxy, turned, up } = yield* session({ ...often, upstreamRetryBudget: "200 millis" })
      up.leave(1012, "Service Restart")
      yield* turned("UpstreamAway")
      yield* client.send("held")
      assert.deepStrictEqual(yield* client.closed, { code: 1014, reason: "upstream gone" })
      assert.isAbove(up.dials(), 3)
      assert.strictEqual(proxy.metrics()['holdfast_messages_total{direction="up",outcome="lost"}'], 1)
    }),
  )

  const ways: Readonly<Record<string, (ws: WebSocket) => void>> = {
    "a crash": (ws) => ws.terminate(),
    "1012 with another reason": (ws) => ws.close(1012, "deploying"),
    "1012 without a reason": (ws) => ws.close(1012),
    "1001": (ws) => ws.close(1001),
    "1013": (ws) => ws.close(1013, "busy"),
    "1014": (ws) => ws.close(1014),
  }
  for (const [how, leave] of Object.entries(ways)) {
    it.live(`B2: ${how} is a restart, which the client does not notice`, () =>
      Effect.gen(function* () {
        const { client, peer, up } = yield* session(often)
        leave(peer.ws)
        assert.deepStrictEqual(yield* talk(client, yield* up.accepted), heard)
        assert.strictEqual(client.ws.readyState, client.ws.OPEN)
      }),
    )
  }

  it.live("B10: a session that is over dials nobody any more", () =>
    Effect.gen(function* () {
      const backoff = Schedule.spaced("50 millis")
      const { client, lingered, proxy, turned, up } = yield* session({ backoff, linger: "120 millis" })
      client.ws.terminate()
      yield* turned("ClientAway")
      up.leave(1012, "Service Restart")
      yield* proxy.until(() => proxy.events().some(({ _tag }) => _tag === "Failed"))
      yield* proxy.until(() => sessionsOf(proxy).length === 0)
      up.comeBack()
      const before = up.dials()
      yield* lingered // longer than between two dials
      assert.strictEqual(up.dials(), before + 1)
      yield* eventually(() => proxy.metrics()["holdfast_open_connections{}"] === 0)
      assert.strictEqual(up.server.clients.size, 0)
    }),
  )

  it.live("B10: a dial that is under way when the session ends goes with it", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, linger: "100 millis", ...often })
      const dialling = yield* Effect.forkChild(connect(proxy.url))
      const peer = yield* Raw.accept(up)
      const client = yield* Fiber.join(dialling)
      client.ws.terminate()
      peer.reset()
      const zombie = yield* up.accepted
      yield* Raw.head(zombie)
      yield* zombie.closed
      assert.strictEqual((yield* Effect.flip(resume(proxy.url, client))).status, 404)
      assert.deepStrictEqual([up.count(), up.open()], [2, 0])
    }),
  )
})

describe("regressions: an upstream that does not let the client in", () => {
  it.live("B16: one that is down is a 502, and there is no 101 before it", () =>
    Effect.gen(function* () {
      const up = yield* restartable
      const proxy = yield* proxied({ upstream: up.url })
      up.leave()
      assert.strictEqual((yield* Effect.flip(connect(proxy.url))).status, 502)
      const { url } = yield* Effect.scoped(Raw.listen)
      const nobody = yield* proxied({ upstream: url })
      assert.strictEqual((yield* Effect.flip(connect(nobody.url))).status, 502)
    }),
  )

  it.live("B16: a refusal reaches the client as it is", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url })
      for (const status of [401, 403, 503]) {
        const refused = yield* Effect.forkChild(Effect.flip(connect(proxy.url)))
        const peer = yield* up.accepted
        yield* Raw.head(peer)
        peer.write(`HTTP/1.1 ${status} No\r\nContent-Length: 3\r\nX-Why: because\r\n\r\nno!`)
        const { body, headers, ...rest } = yield* Fiber.join(refused)
        assert.deepStrictEqual([rest.status, headers["x-why"], body], [status, "because", "no!"])
      }
    }),
  )

  it.live("B16: one that accepts and never answers is a 504, and is let go", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, handshakeTimeout: "100 millis" })
      assert.strictEqual((yield* Effect.flip(connect(proxy.url))).status, 504)
      yield* (yield* up.accepted).closed
    }),
  )
})
