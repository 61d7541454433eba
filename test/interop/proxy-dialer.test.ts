import { assert, describe, it } from "@effect/vitest"
import { Dialer } from "@holdfast/websocket"
import { Effect, Fiber } from "effect"
import { eventually } from "./kit/eventually.ts"
import { serverFrame } from "./kit/frames.ts"
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
