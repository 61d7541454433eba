import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { closing, frame, opcode, serverFrame } from "./kit/frames.ts"
import { connect, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"

const KiB = 1024

/** A frame that only says it is that long. */
const huge = (masked: boolean) =>
  Buffer.from([0x82, (masked ? 0x80 : 0) | 127, 0x7f, 255, 255, 255, 255, 255, 255, 255])

// What a peer sends, given a way to write its frames, and the code it is told for it.
const crimes: Readonly<Record<string, readonly [code: number, bytes: (make: typeof frame) => Uint8Array]>> = {
  "a reserved bit": [1002, (make) => make("x", { reserved: 0x40 })],
  "another reserved bit": [1002, (make) => make("x", { reserved: 0x10 })],
  "an unknown data opcode": [1002, (make) => make("x", { opcode: 3 })],
  "an unknown control opcode": [1002, (make) => make("x", { opcode: 0x0b })],
  "a control frame that is too long": [1002, (make) => make("x".repeat(126), { opcode: opcode.ping })],
  "a control frame in fragments": [1002, (make) => make("x", { opcode: opcode.ping, fin: false })],
  "a continuation of nothing": [1002, (make) => make("x", { opcode: opcode.continuation })],
  "a new message inside another": [1002, (make) => Buffer.concat([make("x", { fin: false }), make("y")])],
  "a close frame with half a code": [1002, (make) => make("x", { opcode: opcode.close })],
  "a close code that may not be sent": [1002, (make) => make(closing(1006), { opcode: opcode.close })],
  "a close code that is unassigned": [1002, (make) => make(closing(2000), { opcode: opcode.close })],
  "a close reason that is not UTF-8": [1007, (make) => make(Buffer.from([3, 232, 0xff]), { opcode: opcode.close })],
  "text that is not UTF-8": [1007, (make) => make(Buffer.from([0xc3, 0x28]))],
  "text that is UTF-8 of half a surrogate pair": [1007, (make) => make(Buffer.from([0xed, 0xa0, 0x80]))],
  "a message over the limit": [1009, (make) => make(Buffer.alloc(64 * KiB + 1), { opcode: 2 })],
  "a message over the limit in fragments": [
    1009,
    (make) => Buffer.concat([make(Buffer.alloc(64 * KiB), { opcode: 2, fin: false }), make("x", { opcode: 0 })]),
  ],
  "a message in more fragments than anybody needs": [
    1008,
    (make) => {
      const part = make("x", { opcode: opcode.continuation, fin: false })
      return Buffer.concat([make("x", { fin: false }), ...Array.from({ length: 16_384 }, () => part)])
    },
  ],
  "the announcement of a huge message": [1009, (make) => huge(make === frame)],
}

// A proxy with a raw session and, beside it, one that must not notice.
const two = Effect.gen(function* () {
  const raw = yield* Raw.listen
  const proxy = yield* proxied({ upstream: raw.url }, { maxMessage: "64KiB" })
  const join = Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Raw.joined(proxy.address))
    const peer = yield* Raw.accept(raw)
    return { client: yield* Fiber.join(fiber), peer }
  })
  const bad = yield* join
  const good = yield* join
  const untouched = Effect.gen(function* () {
    good.client.write(frame("a"))
    assert.strictEqual((yield* good.peer.frame).payload.toString(), "a")
    good.peer.write(serverFrame("b"))
    assert.strictEqual((yield* good.client.frame).payload.toString(), "b")
    good.client.reset()
    good.peer.reset()
  })
  return { ...bad, untouched }
})

// The code and the reason of the close frame that comes next.
const goodbye = Effect.fnUntraced(function* (raw: Raw.Raw) {
  const { opcode: kind, payload } = yield* raw.frame
  assert.strictEqual(kind, opcode.close)
  return [payload.readUInt16BE(0), payload.subarray(2).toString()] as const
})

describe("a client that sends", () => {
  const ofClients: typeof crimes = {
    ...crimes,
    "a frame without a mask": [1002, () => serverFrame("x")],
  }
  for (const [what, [code, bytes]] of Object.entries(ofClients)) {
    it.live(`${what} is told ${code}, its upstream 1001`, () =>
      Effect.gen(function* () {
        const { client, peer, untouched } = yield* two
        client.write(frame("good"), bytes(frame), frame("never read"))
        assert.strictEqual((yield* peer.frame).payload.toString(), "good")
        assert.strictEqual((yield* goodbye(client))[0], code)
        client.socket.end()
        const [told, why] = yield* goodbye(peer)
        assert.strictEqual(told, 1001)
        assert.match(why, /^client broke the protocol: /)
        peer.write(serverFrame(closing(1001), { opcode: opcode.close }))
        yield* Effect.all([client.closed, peer.closed])
        yield* untouched
      }),
    )
  }
})

describe("an upstream that sends", () => {
  const ofUpstreams: typeof crimes = {
    ...crimes,
    "a frame with a mask": [1002, () => frame("x")],
  }
  for (const [what, [code, bytes]] of Object.entries(ofUpstreams)) {
    it.live(`${what} is told ${code}, its client too`, () =>
      Effect.gen(function* () {
        const { client, peer, untouched } = yield* two
        peer.write(serverFrame("good"), bytes(serverFrame), serverFrame("never read"))
        assert.strictEqual((yield* client.frame).payload.toString(), "good")
        assert.strictEqual((yield* goodbye(peer))[0], code)
        peer.socket.end()
        const [told, why] = yield* goodbye(client)
        assert.strictEqual(told, code)
        assert.match(why, /^upstream broke the protocol: /)
        client.write(frame(closing(told), { opcode: opcode.close }))
        yield* Effect.all([client.closed, peer.closed])
        yield* untouched
      }),
    )
  }
})

describe("a message just inside the limit", () => {
  it.live("passes both ways", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ upstream: up.url }, { maxMessage: "64KiB" })
      const client = yield* connect(proxy.url)
      const peer = yield* up.accepted
      yield* client.send(Buffer.alloc(64 * KiB))
      assert.strictEqual((yield* peer.next).length, 64 * KiB)
      yield* peer.send(Buffer.alloc(64 * KiB))
      assert.strictEqual((yield* client.next).length, 64 * KiB)
    }),
  )

  it.live("is 16 MiB unless it is set", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ upstream: up.url })
      const client = yield* connect(proxy.url)
      const peer = yield* up.accepted
      yield* client.send(Buffer.alloc(16 * KiB * KiB))
      assert.strictEqual((yield* peer.next).length, 16 * KiB * KiB)
      yield* client.send(Buffer.alloc(16 * KiB * KiB + 1))
      assert.strictEqual((yield* client.closed).code, 1009)
      assert.strictEqual((yield* peer.closed).code, 1001)
    }),
  )
})
