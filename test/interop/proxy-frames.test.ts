import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { frame, opcode, parseFrame, serverFrame } from "./kit/frames.ts"
import { connect, echo, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"

// Both ends of a session as bytes.
const session = Effect.gen(function* () {
  const up = yield* Raw.listen
  const proxy = yield* proxied({ upstream: up.url })
  const fiber = yield* Effect.forkChild(Raw.joined(proxy.address))
  const peer = yield* Raw.accept(up)
  const client = yield* Fiber.join(fiber)
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      client.reset()
      peer.reset()
    }),
  )
  return { client, peer }
})

const said = ({ fin, opcode, payload }: { fin: boolean; opcode: number; payload: Buffer }) => ({
  fin,
  opcode,
  payload: payload.toString("latin1"),
})

describe("messages", () => {
  it.live("keep their kind and every byte, empty ones too, both ways", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session
      const everyByte = Buffer.from(Array.from({ length: 256 }, (_, at) => at))
      for (const [code, payload] of [
        [opcode.text, "höl≈\u0000"],
        [opcode.text, ""],
        [opcode.binary, everyByte],
        [opcode.binary, ""],
        [opcode.text, "a".repeat(125)],
        [opcode.text, "a".repeat(126)],
        [opcode.binary, Buffer.alloc(65_535, 1)],
        [opcode.binary, Buffer.alloc(65_536, 2)],
        [opcode.binary, Buffer.alloc(1_000_000, 3)],
      ] as const) {
        const expected = { fin: true, opcode: code, payload: Buffer.from(payload).toString("latin1") }
        client.write(frame(payload, { opcode: code }))
        assert.deepStrictEqual(said(yield* peer.frame), expected)
        peer.write(serverFrame(payload, { opcode: code }))
        assert.deepStrictEqual(said(yield* client.frame), expected)
      }
    }),
  )

  it.live("in fragments arrive whole, though pings come between the fragments", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session
      const parts = (make: typeof frame) => [
        make("one ", { fin: false }),
        make("p1", { opcode: opcode.ping }),
        make("", { opcode: opcode.continuation, fin: false }),
        make(Buffer.from("≈").subarray(0, 1), { opcode: opcode.continuation, fin: false }),
        make("p2", { opcode: opcode.ping }),
        make(Buffer.from("≈").subarray(1), { opcode: opcode.continuation }),
      ]
      const whole = { fin: true, opcode: opcode.text, payload: Buffer.from("one ≈").toString("latin1") }
      client.write(...parts(frame))
      peer.write(...parts(serverFrame))
      assert.deepStrictEqual(said(yield* peer.read(skipping(opcode.pong))), whole)
      assert.deepStrictEqual(said(yield* client.read(skipping(opcode.pong))), whole)
    }),
  )

  it.live("one byte at a time arrive whole", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session
      client.socket.setNoDelay(true)
      for (const byte of frame("slow")) {
        client.write(Buffer.from([byte]))
        yield* Effect.yieldNow
      }
      assert.strictEqual((yield* peer.frame).payload.toString(), "slow")
    }),
  )

  it.live("ten thousand in one burst keep their order, both ways at once", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ upstream: up.url })
      const client = yield* connect(proxy.url)
      const peer = yield* up.accepted
      for (let at = 0; at < 10_000; at++) {
        client.ws.send(`up ${at}`)
        peer.ws.send(`down ${at}`)
      }
      for (let at = 0; at < 10_000; at++) {
        assert.strictEqual(yield* peer.next, `up ${at}`)
        assert.strictEqual(yield* client.next, `down ${at}`)
      }
    }),
  )

  it.live("of many sessions never mix", () =>
    Effect.gen(function* () {
      const up = yield* echo
      const proxy = yield* proxied({ upstream: up.url })
      const clients = yield* Effect.forEach([0, 1, 2, 3, 4, 5, 6, 7], () => connect(proxy.url), { concurrency: 8 })
      for (let at = 0; at < 100; at++) clients.forEach(({ ws }, who) => ws.send(`${who}: ${at}`))
      for (let at = 0; at < 100; at++) {
        for (const [who, client] of clients.entries()) assert.strictEqual(yield* client.next, `${who}: ${at}`)
      }
    }),
  )
})

describe("pings", () => {
  it.live("are answered by the proxy, with their payload, and go no further", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session
      client.write(frame("from the client", { opcode: opcode.ping }), frame("x"))
      peer.write(serverFrame("from the upstream", { opcode: opcode.ping }), serverFrame("y"))
      assert.deepStrictEqual(said(yield* client.read(skipping(opcode.text))), pong("from the client"))
      assert.deepStrictEqual(said(yield* peer.read(skipping(opcode.text))), pong("from the upstream"))
    }),
  )

  it.live("are answered while the other side is silent, and pongs nobody asked for do no harm", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session
      for (let at = 0; at < 20; at++) {
        client.write(frame("unasked", { opcode: opcode.pong }), frame(`${at}`, { opcode: opcode.ping }))
        assert.deepStrictEqual(said(yield* client.frame), pong(`${at}`))
      }
      client.write(frame("still here"))
      assert.strictEqual((yield* peer.frame).payload.toString(), "still here")
    }),
  )
})

const pong = (payload: string) => ({ fin: true, opcode: opcode.pong, payload })

// The next frame that is of another kind: answers to pings come when they like.
const skipping = (kind: number) => (bytes: Buffer) => {
  let from = 0
  while (true) {
    const found = parseFrame(bytes.subarray(from))
    if (found === undefined) return undefined
    from += found[1]
    if (found[0].opcode !== kind) return [found[0], from] as const
  }
}
