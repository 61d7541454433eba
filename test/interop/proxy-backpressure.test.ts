import { assert, describe, it } from "@effect/vitest"
import type { Proxy } from "@holdfast/websocket"
import { Effect } from "effect"
import { eventually } from "./kit/eventually.ts"
import { connect, type Peer, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"

const KiB = 1024
const size = 64 * KiB
const count = 500 // 31 MiB: more than the buffers of four TCP sockets

const sessionOf = Effect.fnUntraced(function* (options: Partial<Proxy.Options>) {
  const up = yield* upstream()
  const proxy = yield* proxied({ upstream: up.url, ...options })
  const client = yield* connect(proxy.url)
  const peer = yield* up.accepted
  const held = () => {
    const [row] = proxy.rows("Session")
    return row?._tag === "Session" ? { messages: row.bufferedMessages, bytes: row.bufferedBytes } : undefined
  }
  return { client, peer, proxy, held, accepted: up.accepted }
})
const session = sessionOf({})

const numbered = (at: number) => {
  const message = Buffer.alloc(size)
  message.writeUInt32BE(at)
  return message
}

const sendAll = (from: Peer) => {
  for (let at = 0; at < count; at++) from.ws.send(numbered(at))
}

const receiveAll = Effect.fnUntraced(function* (to: Peer) {
  for (let at = 0; at < count; at++) {
    const message = yield* to.next
    assert.strictEqual(message.length, size)
    assert.strictEqual((message as Buffer).readUInt32BE(0), at)
  }
})

// The proxy holds something, and what is in its hands does not change any more.
const stalled = Effect.fnUntraced(function* (from: Peer, held: () => { readonly messages: number } | undefined) {
  let before = -1
  yield* eventually(() => {
    const now = from.ws.bufferedAmount
    const still = (held()?.messages ?? 0) > 0 && now > 0 && now === before
    before = now
    return still
  })
})

describe("a peer that does not read", () => {
  for (const slow of ["client", "upstream"] as const) {
    it.live(`as ${slow} makes the other side wait, costs the proxy its watermark, and misses nothing`, () =>
      Effect.gen(function* () {
        const { client, held, peer, proxy } = yield* session
        const [from, to] = slow === "client" ? [peer, client] : [client, peer]
        to.ws.pause()
        sendAll(from)
        yield* stalled(from, held)

        assert.isAbove(from.ws.bufferedAmount, 8 * KiB * KiB)
        const { bytes, messages } = held()!
        assert.isAtLeast(bytes, 1024 * KiB)
        assert.isAtMost(bytes, 1024 * KiB + 3 * size)
        assert.isAtMost(messages, 2)
        const direction = slow === "client" ? "down" : "up"
        assert.strictEqual(proxy.metrics()[`holdfast_buffer_messages{direction="${direction}"}`], messages)

        to.ws.resume()
        yield* receiveAll(to)
        assert.strictEqual(from.ws.bufferedAmount, 0)
        yield* eventually(() => held()?.bytes === 0)
        assert.deepStrictEqual(held(), { messages: 0, bytes: 0 })
      }),
    )

    it.live(`as ${slow} does not keep the other direction waiting`, () =>
      Effect.gen(function* () {
        const { client, held, peer } = yield* session
        const [from, to] = slow === "client" ? [peer, client] : [client, peer]
        to.ws.pause()
        sendAll(from)
        yield* stalled(from, held)
        // The stalled peer still speaks; who waits for it still hears.
        yield* to.send("still here")
        assert.strictEqual(yield* from.next, "still here")
      }),
    )
  }
})

describe("a goodbye while the other side is slow", () => {
  for (const slow of ["client", "upstream"] as const) {
    it.live(`waits until the ${slow} has everything, and keeps its code`, () =>
      Effect.gen(function* () {
        const { client, held, peer, proxy } = yield* session
        const [from, to] = slow === "client" ? [peer, client] : [client, peer]
        to.ws.pause()
        sendAll(from)
        from.ws.close(4001, "that was all")
        yield* stalled(from, held)
        to.ws.resume()
        yield* receiveAll(to)
        assert.deepStrictEqual(yield* to.closed, { code: 4001, reason: "that was all" })
        assert.deepStrictEqual(yield* from.closed, { code: 4001, reason: "that was all" })
        yield* proxy.event("Lost")
        assert.strictEqual(proxy.metrics()['holdfast_messages_total{direction="down",outcome="lost"}'], 0)
        assert.strictEqual(proxy.metrics()['holdfast_messages_total{direction="up",outcome="lost"}'], 0)
      }),
    )
  }

  // Little enough for the proxy to hold it all, more than the client's socket takes; then the upstream is gone.
  const vanished = Effect.fnUntraced(function* ({ client, held, peer }: Effect.Success<typeof session>) {
    client.ws.pause()
    let sent = 0
    while ((held()?.messages ?? 0) === 0) {
      yield* peer.send(numbered(sent++))
      yield* Effect.yieldNow
    }
    peer.ws.terminate()
    client.ws.resume()
    for (let at = 0; at < sent; at++) assert.strictEqual(((yield* client.next) as Buffer).readUInt32BE(0), at)
  })

  it.live("of a vanished upstream comes after what the upstream had sent before", () =>
    Effect.gen(function* () {
      const it = yield* sessionOf({ onUpstreamLoss: "close" })
      yield* vanished(it)
      assert.deepStrictEqual(yield* it.client.closed, { code: 1014, reason: "upstream gone" })
    }),
  )

  it.live("of nobody: what an upstream sent before it vanished comes before what it says when it is back", () =>
    Effect.gen(function* () {
      const it = yield* session
      yield* vanished(it)
      const back = yield* it.accepted
      yield* back.send("back")
      assert.strictEqual(yield* it.client.next, "back")
    }),
  )
})

describe("one message larger than the watermark", () => {
  it.live("passes, and so does the one behind it", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session
      for (const [from, to] of [
        [client, peer],
        [peer, client],
      ] as const) {
        from.ws.send(Buffer.alloc(5 * KiB * KiB, 1))
        from.ws.send(Buffer.alloc(3 * KiB * KiB, 2))
        from.ws.send("small")
        assert.strictEqual((yield* to.next).length, 5 * KiB * KiB)
        assert.strictEqual((yield* to.next).length, 3 * KiB * KiB)
        assert.strictEqual(yield* to.next, "small")
      }
    }),
  )
})
