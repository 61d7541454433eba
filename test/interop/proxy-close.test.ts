import { assert, describe, it } from "@effect/vitest"
import type { Proxy } from "@holdfast/websocket"
import { Effect, Fiber } from "effect"
import { eventually } from "./kit/eventually.ts"
import { closing, frame, opcode, serverFrame } from "./kit/frames.ts"
import { connect, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"

// Every loss is handed on at once, or the session waits for who was lost.
const onward = { mode: "sender", onUpstreamLoss: "close" } as const

const pair = Effect.fnUntraced(function* (options: Partial<Proxy.Options> = onward) {
  const up = yield* upstream()
  const proxy = yield* proxied({ upstream: up.url, ...options })
  const join = Effect.gen(function* () {
    const client = yield* connect(proxy.url)
    return { client, peer: yield* up.accepted }
  })
  return { ...(yield* join), join, proxy }
})

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)
const codes = [...range(1000, 1003), ...range(1007, 1014), 3000, 3001, 3999, 4000, 4001, 4413, 4999]

const reasons = {
  none: "",
  short: "because",
  "of 123 bytes": "x".repeat(123),
  "of 123 bytes in code points of two and four": `${"é".repeat(30)}${"😀".repeat(15)}abc`,
}

describe("a goodbye", () => {
  for (const [name, reason] of Object.entries(reasons)) {
    it.live(`with any code and a reason ${name} arrives as it was, either way`, () =>
      Effect.gen(function* () {
        const { join } = yield* pair()
        for (const code of codes) {
          const one = yield* join
          one.client.ws.close(code, reason)
          assert.deepStrictEqual(yield* one.peer.closed, { code, reason })
          assert.deepStrictEqual(yield* one.client.closed, { code, reason })
          const two = yield* join
          two.peer.ws.close(code, reason)
          assert.deepStrictEqual(yield* two.client.closed, { code, reason })
          assert.deepStrictEqual(yield* two.peer.closed, { code, reason })
        }
      }),
    )
  }

  it.live("with a code that is no loss arrives at once, however long the session would wait for one", () =>
    Effect.gen(function* () {
      const { join } = yield* pair({})
      const reason = "because"
      for (const code of codes.filter((one) => one !== 1001)) {
        const { client, peer } = yield* join
        client.ws.close(code, reason)
        assert.deepStrictEqual(yield* peer.closed, { code, reason })
      }
      for (const code of codes.filter((one) => ![1001, 1012, 1013, 1014].includes(one))) {
        const { client, peer } = yield* join
        peer.ws.close(code, reason)
        assert.deepStrictEqual(yield* client.closed, { code, reason })
      }
    }),
  )

  it.live("without a code arrives without a code, either way", () =>
    Effect.gen(function* () {
      const { client, join, peer } = yield* pair()
      client.ws.close()
      assert.deepStrictEqual(yield* peer.closed, { code: 1005, reason: "" })
      const two = yield* join
      two.peer.ws.close()
      assert.deepStrictEqual(yield* two.client.closed, { code: 1005, reason: "" })
    }),
  )

  it.live("comes after every message that was sent before it, either way", () =>
    Effect.gen(function* () {
      const { client, join, peer } = yield* pair()
      for (let at = 0; at < 2000; at++) client.ws.send(`${at}`)
      client.ws.close(4001, "done")
      assert.deepStrictEqual(yield* peer.closed, { code: 4001, reason: "done" })
      for (let at = 0; at < 2000; at++) assert.strictEqual(yield* peer.next, `${at}`)

      const two = yield* join
      for (let at = 0; at < 20; at++) two.peer.ws.send(Buffer.alloc(500_000, at))
      two.peer.ws.close(4002, "done too")
      assert.deepStrictEqual(yield* two.client.closed, { code: 4002, reason: "done too" })
      for (let at = 0; at < 20; at++) assert.strictEqual(((yield* two.client.next) as Buffer)[499_999], at)
    }),
  )

  it.live("of both at the same time ends the session with what each said", () =>
    Effect.gen(function* () {
      const { client, peer, proxy } = yield* pair()
      client.ws.close(4001, "client")
      peer.ws.close(4002, "upstream")
      // Either may have been first on the wire; nobody is left waiting and nobody hears a third thing.
      const [atPeer, atClient] = yield* Effect.all([peer.closed, client.closed])
      assert.include([4001, 4002], atPeer.code)
      assert.include([4001, 4002], atClient.code)
      yield* proxy.event("Lost")
      assert.deepStrictEqual(proxy.rows("Session"), [])
    }),
  )
})

// Both ends as bytes, so that they can end as no library would.
const rawPair = Effect.fnUntraced(function* (options: Partial<Proxy.Options>) {
  const up = yield* Raw.listen
  const proxy = yield* proxied({ upstream: up.url, ...options })
  const fiber = yield* Effect.forkChild(Raw.joined(proxy.address))
  const peer = yield* Raw.accept(up)
  return { client: yield* Fiber.join(fiber), peer, proxy }
})
const raw = rawPair(onward)

const words = Effect.fnUntraced(function* (from: Raw.Raw) {
  const { opcode: kind, payload } = yield* from.frame
  assert.strictEqual(kind, opcode.close)
  return [payload.readUInt16BE(0), payload.subarray(2).toString()]
})

describe("a peer that is gone without a goodbye", () => {
  const ways: Readonly<Record<string, (peer: Raw.Raw) => void>> = {
    "with a reset": (peer) => peer.reset(),
    "with a FIN": (peer) => void peer.socket.end(),
    "in the middle of a frame": (peer) => void peer.socket.end(Buffer.from([0x81])),
  }
  const settings: Readonly<Record<string, Partial<Proxy.Options>>> = {
    "at once": onward,
    "when its time is over": { linger: "50 millis", upstreamRetryBudget: "50 millis" },
  }
  for (const [when, options] of Object.entries(settings)) {
    for (const [how, leave] of Object.entries(ways)) {
      it.live(`${how}: the upstream is told 1001 ${when}`, () =>
        Effect.gen(function* () {
          const { client, peer, proxy } = yield* rawPair(options)
          leave(client)
          assert.deepStrictEqual(yield* words(peer), [1001, "client gone"])
          peer.write(serverFrame(closing(1001), { opcode: opcode.close }))
          peer.socket.end()
          yield* proxy.event("Lost")
          assert.deepStrictEqual(proxy.rows("Session"), [])
        }),
      )

      it.live(`${how}: the client is told 1014 ${when}`, () =>
        Effect.gen(function* () {
          const { client, peer, proxy } = yield* rawPair(options)
          leave(peer)
          assert.deepStrictEqual(yield* words(client), [1014, "upstream gone"])
          client.write(frame(closing(1014), { opcode: opcode.close }))
          yield* client.closed
          yield* proxy.event("Lost")
          yield* eventually(() => proxy.rows("Session").length === 0)
        }),
      )
    }
  }

  it.live("still delivers what it sent before it went", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* raw
      client.write(frame("one"), frame("two"))
      client.socket.end()
      assert.strictEqual((yield* peer.frame).payload.toString(), "one")
      assert.strictEqual((yield* peer.frame).payload.toString(), "two")
      assert.deepStrictEqual(yield* words(peer), [1001, "client gone"])
      peer.reset()
    }),
  )
})

describe("the closing handshake", () => {
  it.live("is finished by the proxy: it answers, ends the connection, and tells the other side", () =>
    Effect.gen(function* () {
      const one = yield* raw
      one.client.write(frame(closing(4001, "bye"), { opcode: opcode.close }))
      assert.deepStrictEqual(yield* words(one.client), [4001, "bye"])
      yield* one.client.closed
      assert.deepStrictEqual(yield* words(one.peer), [4001, "bye"])
      one.peer.reset()

      const two = yield* raw
      two.peer.write(serverFrame(closing(4002, "bye"), { opcode: opcode.close }))
      assert.deepStrictEqual(yield* words(two.peer), [4002, "bye"])
      yield* two.peer.closed
      assert.deepStrictEqual(yield* words(two.client), [4002, "bye"])
      two.client.reset()
    }),
  )

  it.live("does not answer with what comes after a goodbye", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* raw
      client.write(frame(closing(4001), { opcode: opcode.close }), frame("too late"), frame("x", { reserved: 0x40 }))
      assert.deepStrictEqual(yield* words(client), [4001, ""])
      assert.deepStrictEqual(yield* words(peer), [4001, ""])
      peer.reset()
      yield* client.closed
      assert.strictEqual(client.rest().length, 0)
    }),
  )
})
