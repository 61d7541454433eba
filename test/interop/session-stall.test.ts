import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { eventually } from "./kit/eventually.ts"
import type { Peer } from "./kit/peers.ts"
import { credentials, refused, resume, session } from "./kit/sessions.ts"
import { KiB, MiB } from "./kit/sizes.ts"

const size = 64 * KiB
const block = Buffer.alloc(size)
const flood = (from: Peer, bytes: number) => {
  for (let at = 0; at < bytes / size; at++) from.ws.send(block)
}

// The sender feels it: what it has sent does not leave it any more.
const stuck = Effect.fnUntraced(function* (from: Peer) {
  let before = -1
  yield* eventually(() => {
    const now = from.ws.bufferedAmount
    const still = now > 0 && now === before
    before = now
    return still
  })
})

describe("a consumer that stops reading", () => {
  it.live("as a client gets 4413 after the stall timeout, its upstream 1013", () =>
    Effect.gen(function* () {
      const { client, empty, peer, proxy } = yield* session({ stallTimeout: "400 millis" })
      client.ws.pause()
      const started = performance.now()
      flood(peer, 32 * MiB)
      assert.deepStrictEqual(yield* peer.closed, { code: 1013, reason: "the other side is too slow" })
      const took = performance.now() - started
      assert.isTrue(took > 390 && took < 3000, `${took}`)
      client.ws.resume()
      assert.deepStrictEqual(yield* client.closed, { code: 4413, reason: "too slow" })
      yield* empty
      assert.isAbove(proxy.metrics()['holdfast_messages_total{direction="down",outcome="lost"}']!, 0)
      assert.strictEqual((yield* refused(proxy, credentials(client))).status, 404)
    }),
  )

  it.live("as an upstream gets 4413 after the stall timeout, its client 1013", () =>
    Effect.gen(function* () {
      const { client, empty, peer } = yield* session({ stallTimeout: "400 millis" })
      peer.ws.pause()
      flood(client, 32 * MiB)
      assert.deepStrictEqual(yield* client.closed, { code: 1013, reason: "the other side is too slow" })
      peer.ws.resume()
      assert.deepStrictEqual(yield* peer.closed, { code: 4413, reason: "too slow" })
      yield* empty
    }),
  )

  for (const slow of ["client", "upstream"] as const) {
    it.live(`but reads a little now and then, as ${slow}, is waited for`, () =>
      Effect.gen(function* () {
        const { client, peer, rows } = yield* session({ stallTimeout: "400 millis" })
        const [from, to] = slow === "client" ? [peer, client] : [client, peer]
        const count = (24 * MiB) / size
        flood(from, 24 * MiB)
        for (let at = 1; at <= count; at++) {
          yield* to.next
          if (at % 60 !== 0) continue
          // Seven pauses, together far longer than the timeout.
          to.ws.pause()
          yield* Effect.sleep("200 millis")
          to.ws.resume()
        }
        assert.deepInclude(rows()[0], { state: "Active" })
        yield* eventually(() => rows()[0]?.bufferedBytes === 0)
      }),
    )
  }
})

describe("an upstream whose client is away", () => {
  it.live("is stopped at the marks, is told nothing for it, and goes on when the client is back", () =>
    Effect.gen(function* () {
      const { client, is, peer, proxy, rows } = yield* session({
        stallTimeout: "100 millis",
        heartbeat: "50 millis",
        heartbeatTimeout: "50 millis",
        bufferBytes: "256KiB",
      })
      client.ws.terminate()
      yield* is("ClientAway")
      flood(peer, 32 * MiB)
      yield* stuck(peer)
      assert.isAbove(peer.ws.bufferedAmount, 8 * MiB)
      const held = rows()[0]!
      assert.isAtLeast(held.bufferedBytes, 256 * KiB)
      assert.isAtMost(held.bufferedBytes, 256 * KiB + 4 * size)
      // Many stall timeouts, and many heartbeats that a peer that is not read cannot answer.
      yield* Effect.sleep("600 millis")
      assert.deepInclude(rows()[0], { state: "ClientAway", upstreamState: "Ready" })
      assert.strictEqual(peer.ws.readyState, peer.ws.OPEN)
      const back = yield* resume(proxy, client)
      for (let at = 0; at < (32 * MiB) / size; at++) assert.strictEqual((yield* back.next).length, size)
      assert.deepInclude(rows()[0], { state: "Active", bufferedMessages: 0 })
    }),
  )

  it.live("is stopped by many small messages too", () =>
    Effect.gen(function* () {
      const { client, is, peer, proxy, rows } = yield* session({ bufferMessages: 10 })
      client.ws.terminate()
      yield* is("ClientAway")
      for (let at = 0; at < 300_000; at++) peer.ws.send("x".repeat(60))
      yield* stuck(peer)
      assert.isAbove(peer.ws.bufferedAmount, 0)
      // Ten, and what one read of the socket brought.
      assert.isAtLeast(rows()[0]!.bufferedMessages, 10)
      assert.isAtMost(rows()[0]!.bufferedMessages, 10 + (2 * size) / 62)
      const back = yield* resume(proxy, client)
      let heard = 0
      back.ws.on("message", () => heard++)
      yield* eventually(() => heard > 10_000)
    }),
  )
})

describe("a client whose upstream is away", () => {
  it.live("is stopped at the marks, is told nothing for it, and all it said arrives when the upstream is back", () =>
    Effect.gen(function* () {
      const { client, hold, is, peer, rows, up } = yield* session({
        stallTimeout: "100 millis",
        heartbeat: "50 millis",
        heartbeatTimeout: "50 millis",
        bufferBytes: "256KiB",
      })
      const release = yield* hold
      peer.ws.terminate()
      yield* is("UpstreamAway")
      flood(client, 16 * MiB)
      yield* stuck(client)
      assert.isAtLeast(rows()[0]!.bufferedBytes, 256 * KiB)
      assert.isAtMost(rows()[0]!.bufferedBytes, 256 * KiB + 4 * size)
      yield* Effect.sleep("600 millis")
      assert.deepInclude(rows()[0], { state: "UpstreamAway", clientConnected: true })
      release()
      const again = yield* up.accepted
      for (let at = 0; at < (16 * MiB) / size; at++) assert.strictEqual((yield* again.next).length, size)
    }),
  )
})
