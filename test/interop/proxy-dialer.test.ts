import { assert, describe, it } from "@effect/vitest"
import { Dialer } from "@holdfast/websocket"
import { Effect, Fiber } from "effect"
import { eventually } from "./kit/eventually.ts"
import { closing, opcode, serverFrame } from "./kit/frames.ts"
import { upstream } from "./kit/peers.ts"
import * as Raw from "./kit/raw.ts"

// A dialled transport that nobody listens to yet, and the other end of it.
const dialled = Effect.gen(function* () {
  const up = yield* Raw.listen
  const { dial } = yield* Dialer.Dialer
  const fiber = yield* Effect.forkChild(dial({ url: `${up.url}/a%20b?{c}` }))
  const peer = yield* up.accepted
  const request = yield* Raw.head(peer)
  assert.strictEqual(request.first, "GET /a%20b?{c} HTTP/1.1")
  return { peer, request, transport: Fiber.join(fiber) }
})

const nobody = { frame: () => {}, writable: () => {}, closed: () => {} }

describe("a dialled transport", () => {
  it.live("is not read while nobody listens, and has everything when somebody does", () =>
    Effect.gen(function* () {
      const { peer, request, transport: dialling } = yield* dialled
      peer.write(Raw.switching(request), serverFrame("first"))
      const transport = yield* dialling
      const full = serverFrame(Buffer.alloc(1024 * 1024), { opcode: 2 })
      for (let at = 0; at < 16; at++) peer.write(full)
      yield* Effect.sleep("100 millis") // far longer than reading them all takes
      assert.isAbove(peer.socket.writableLength, 1024 * 1024)

      const heard: Array<number> = []
      transport.listen({ frame: ({ size }) => heard.push(size), writable: () => {}, closed: () => {} })
      yield* eventually(() => heard.length === 17)
      assert.deepStrictEqual(heard, [5, ...Array.from({ length: 16 }, () => 1024 * 1024)])
    }),
  )

  for (const [written, target] of [
    ["/a#b", "/a"],
    ["?q", "/?q"],
    ["\\a", "/a"],
    ["/a b", "/a%20b"],
  ] as const) {
    it.live(`asks for ${target} where ${written} is written`, () =>
      Effect.gen(function* () {
        const up = yield* Raw.listen
        const { dial } = yield* Dialer.Dialer
        yield* Effect.forkChild(Effect.exit(dial({ url: `${up.url}${written}` })))
        assert.strictEqual((yield* Raw.head(yield* up.accepted)).first, `GET ${target} HTTP/1.1`)
      }),
    )
  }

  it.live("is none when the head of the answer is larger than 16 KiB, however it comes", () =>
    Effect.gen(function* () {
      const { peer, request, transport } = yield* dialled
      peer.write(Raw.switching(request, [`x: ${"y".repeat(20_000)}`]))
      const { reason } = yield* Effect.flip(transport)
      assert.include(reason.message, "larger than 16384 bytes")
    }),
  )

  it.live("is none when what comes before the answer is no HTTP", () =>
    Effect.gen(function* () {
      const { peer, request, transport } = yield* dialled
      peer.write("HTTP/1.1 1zz\r\n\r\n", Raw.switching(request))
      const { reason } = yield* Effect.flip(transport)
      assert.include(reason.message, "it does not answer in HTTP/1.1")
    }),
  )

  it.live("sees the end of the connection behind a goodbye, even if somebody pauses it then", () =>
    Effect.gen(function* () {
      const { peer, request, transport: dialling } = yield* dialled
      peer.write(Raw.switching(request))
      const transport = yield* dialling
      transport.listen(nobody)
      peer.write(serverFrame(closing(4001, "enough"), { opcode: opcode.close }))
      assert.strictEqual((yield* peer.frame).opcode, opcode.close)
      transport.pause()
      peer.socket.end(serverFrame("too late"))
      assert.deepStrictEqual(yield* transport.closed, { code: 4001, reason: "enough", clean: true })
    }),
  )

  it.live("sends all to a peer that says no more and still listens, also when it is closed then", () =>
    Effect.gen(function* () {
      const { peer, request, transport: dialling } = yield* dialled
      peer.write(Raw.switching(request))
      const transport = yield* dialling
      transport.listen(nobody)
      peer.socket.pause()
      const size = 16 * 1024 * 1024
      assert.isTrue(transport.send({ text: false, size, bytes: () => new Uint8Array(size) }))
      peer.socket.end()
      yield* eventually(() => !transport.barrier(1)) // it has seen that
      const over = yield* Effect.forkChild(transport.close(1000, ""))
      yield* Effect.yieldNow
      peer.socket.resume()
      assert.strictEqual((yield* peer.frame).payload.length, size)
      yield* Fiber.join(over)
    }),
  )

  it.live("is cut when its scope closes", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const { dial } = yield* Dialer.Dialer
      yield* Effect.scoped(dial({ url: up.url }))
      assert.strictEqual((yield* (yield* up.accepted).closed).code, 1006)
    }),
  )

  it.live("speaks of its target and of what went wrong when it cannot be had", () =>
    Effect.gen(function* () {
      const { dial } = yield* Dialer.Dialer
      const { url } = yield* Effect.scoped(Raw.listen)
      const { reason } = yield* Effect.flip(dial({ url: `${url}/?secret=1` }))
      assert.deepStrictEqual([reason._tag, reason.target], ["Unreachable", url])
      assert.deepStrictEqual(reason._tag === "Unreachable" && reason.kind, "refused")

      const up = yield* upstream({ verifyClient: (_, answer) => answer(false, 418, "no coffee", { "X-Pot": "tea" }) })
      const { reason: refused } = yield* Effect.flip(dial({ url: up.url }))
      assert.strictEqual(refused._tag, "Refused")
      if (refused._tag !== "Refused") return
      assert.deepStrictEqual([refused.status, refused.headers["x-pot"]], [418, "tea"])
      assert.strictEqual(Buffer.from(refused.body).toString(), "no coffee")
    }),
  )
})
