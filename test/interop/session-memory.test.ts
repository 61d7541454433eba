import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { eventually } from "./kit/eventually.ts"
import { frame, opcode } from "./kit/frames.ts"
import { connect } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"
import { proxying, receiptsOf } from "./kit/sessions.ts"
import { KiB, MiB } from "./kit/sizes.ts"

const used = (proxy: Effect.Success<ReturnType<typeof proxied>>) => proxy.metrics()["holdfast_memory_bytes{}"]!

describe("the memory of all sessions is a bound", () => {
  it.live("when many are away and each holds less than its marks: as many go as must", () =>
    Effect.gen(function* () {
      const limit = 4 * MiB
      const { join, proxy, rows } = yield* proxying({ memory: limit, linger: "1 minute", maxSessions: 1000 })
      const pairs = yield* Effect.forEach(Array.from({ length: 40 }), () => join)
      for (const { client } of pairs) client.ws.terminate()
      yield* eventually(() => rows().every(({ state }) => state === "ClientAway"))
      for (const { peer } of pairs) for (let at = 0; at < 12; at++) peer.ws.send(Buffer.alloc(64 * KiB))
      yield* eventually(() => used(proxy) > 0 && rows().length < 40)
      yield* eventually(() => used(proxy) <= limit && rows().every(({ state }) => state !== "Closing"))
      const left = rows()
      assert.isAtMost(
        left.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0),
        limit,
      )
      assert.isAtLeast(left.length, 1)
      // Each that went says what was lost with it.
      const lost = receiptsOf(proxy).filter((receipt) => receipt.hop === "client" && !receipt.back && receipt.lost > 0)
      assert.isAtLeast(lost.length, 30)
    }),
  )

  it.live("counts messages that are tiny, and fragments", () =>
    Effect.gen(function* () {
      const { join, proxy } = yield* proxying({ memory: "64MiB" })
      const { client, peer } = yield* join
      client.ws.terminate()
      for (let at = 0; at < 1000; at++) peer.ws.send("x")
      yield* eventually(() => used(proxy) >= 1000 * 256)
      const before = used(proxy)
      const raw = yield* Raw.dial(proxy.address)
      raw.write(Raw.upgradeRequest())
      yield* Raw.answer(raw)
      raw.write(frame("abc", { opcode: opcode.text, fin: false }))
      for (let at = 0; at < 4000; at++) raw.write(frame("abc", { opcode: opcode.continuation, fin: false }))
      yield* eventually(() => used(proxy) >= before + 4000 * 128)
      raw.reset()
      yield* eventually(() => used(proxy) < before + 4000 * 128)
    }),
  )

  it.live("in a receiver costs the client that is furthest behind its place, and nobody the upstream", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* proxying({
        mode: "receiver",
        memory: 4 * MiB,
        stallTimeout: "1 minute",
        bufferBytes: "8MiB",
      })
      const peer = yield* up.accepted
      const clients = yield* Effect.forEach(Array.from({ length: 6 }), () => connect(proxy.url))
      for (const { ws } of clients) ws.pause()
      const flood = Effect.sync(() => {
        if (peer.ws.bufferedAmount < 8 * MiB) for (let at = 0; at < 16; at++) peer.ws.send(Buffer.alloc(64 * KiB))
      })
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(flood, Effect.sleep("5 millis"))))
      yield* eventually(() => receiptsOf(proxy).some((receipt) => receipt.hop === "client"))
      assert.strictEqual(proxy.rows("Session").length, 1)
      for (const { ws } of clients) ws.terminate()
      const next = yield* Effect.eventually(connect(proxy.url)) // 503 until there is room again
      yield* next.next
      assert.strictEqual(peer.ws.readyState, 1)
    }),
  )
})

describe("a shared upstream that never says its first message", () => {
  it.live("is dialled again, for ever", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* proxying({
        mode: "receiver",
        upstreamHandshake: "first-message",
        gateTimeout: "50 millis",
      })
      const first = yield* up.accepted
      assert.strictEqual((yield* first.closed).code, 1006)
      const second = yield* up.accepted
      second.ws.send("welcome")
      const client = yield* connect(proxy.url)
      client.ws.send("hello")
      assert.strictEqual(yield* second.next, "hello")
    }),
  )
})
