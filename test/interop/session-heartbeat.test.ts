import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { eventually } from "./kit/eventually.ts"
import { frame, opcode, serverFrame } from "./kit/frames.ts"
import { connect } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"
import { proxying, resume, session } from "./kit/sessions.ts"

const beat = { heartbeat: "100 millis", heartbeatTimeout: "100 millis", backoff: Schedule.spaced("10 millis") } as const

describe("a peer that never answers a Ping", () => {
  it.live("as upstream is lost after heartbeat and timeout, and dialled again", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, ...beat })
      const [client, peer] = yield* Effect.all([connect(proxy.url), Raw.accept(up)], { concurrency: 2 })
      const started = performance.now()
      yield* peer.closed
      const took = performance.now() - started
      assert.isTrue(took > 150 && took < 1500, `${took}`)
      const again = yield* Raw.accept(up)
      again.write(serverFrame("back"))
      assert.strictEqual(yield* client.next, "back")
      assert.strictEqual((yield* peer.anyFrame).opcode, opcode.ping)
      const lost: object = yield* proxy.event("Lost")
      assert.deepInclude(lost, { reason: "keepalive" })
    }),
  )

  it.live("as client is lost after heartbeat and timeout, and may come back", () =>
    Effect.gen(function* () {
      const { is, proxy, up } = yield* proxying(beat)
      const mute = yield* connect(proxy.url, [], { autoPong: false })
      const peer = yield* up.accepted
      yield* is("ClientAway")
      yield* peer.send("held")
      const back = yield* resume(proxy, mute)
      assert.strictEqual(yield* back.next, "held")
    }),
  )

  it.live("nor says anything else, behind a network that is gone, is lost too", () =>
    Effect.gen(function* () {
      const { is, proxy, up } = yield* proxying({ ...beat, linger: "100 millis" })
      const silent = yield* Raw.joined(proxy.address)
      silent.socket.pause()
      const peer = yield* up.accepted
      yield* is("ClientAway")
      assert.deepStrictEqual(yield* peer.closed, { code: 1001, reason: "client gone" })
      silent.reset()
    }),
  )
})

describe("a peer that gives any sign of life", () => {
  it.live("lives, however long it has nothing to say: its library answers", () =>
    Effect.gen(function* () {
      const { client, peer, receipts, rows } = yield* session(beat)
      let [atClient, atPeer] = [0, 0]
      client.ws.on("ping", () => atClient++)
      peer.ws.on("ping", () => atPeer++)
      yield* eventually(() => atClient >= 6 && atPeer >= 6)
      assert.deepInclude(rows()[0], { state: "Active" })
      assert.deepStrictEqual(receipts(), [])
      yield* client.send("still here")
      assert.strictEqual(yield* peer.next, "still here")
    }),
  )

  it.live("lives by it, also when it does not answer Pings", () =>
    Effect.gen(function* () {
      const { proxy, receipts, rows, up } = yield* proxying(beat)
      const client = yield* Raw.joined(proxy.address)
      yield* up.accepted
      let pings = 0
      yield* Effect.forkScoped(Effect.forever(Effect.tap(client.anyFrame, () => Effect.sync(() => pings++))))
      yield* Effect.forkScoped(
        Effect.schedule(
          Effect.sync(() => client.write(frame("me"))),
          Schedule.spaced("30 millis"),
        ),
      )
      yield* eventually(() => pings >= 6)
      assert.deepInclude(rows()[0], { state: "Active" })
      assert.deepStrictEqual(receipts(), [])
    }),
  )
})

describe("the Pings of the proxy", () => {
  it.live("are behind every 64 messages, either way", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session()
      for (const [from, to] of [
        [client, peer],
        [peer, client],
      ] as const) {
        let [heard, pings] = [0, [] as Array<number>]
        to.ws.on("message", () => heard++)
        to.ws.on("ping", () => pings.push(heard))
        for (let at = 0; at < 640; at++) from.ws.send(`${at}`)
        yield* eventually(() => pings.length >= 10)
        for (let at = 0; at < 10; at++) assert.isAtMost(pings[at]!, 64 * (at + 1))
        assert.strictEqual(pings[9], 640)
        pings = []
      }
    }),
  )

  it.live("are behind every 256 KiB", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session()
      let pings = 0
      peer.ws.on("ping", () => pings++)
      for (let at = 0; at < 16; at++) client.ws.send(Buffer.alloc(64 * 1024))
      yield* eventually(() => pings >= 4)
    }),
  )

  it.live("are behind a message that has been alone for a second", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session()
      const started = performance.now()
      yield* client.send("alone")
      yield* Effect.callback<void>((done) => void peer.ws.once("ping", () => done(Effect.void)))
      const took = performance.now() - started
      assert.isTrue(took > 800 && took < 2000, `${took}`)
    }),
  )
})
