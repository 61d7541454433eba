import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as SocketTransport from "../src/internal/socketTransport.ts"
import type { Frame } from "../src/Transport.ts"
import { FakeSocket } from "./support/fakeSocket.ts"

const frame = (size: number): Frame => ({ text: true, size, bytes: () => new Uint8Array(size) })

const opened = () => {
  const socket = new FakeSocket()
  const transport = SocketTransport.make(socket, socket.about)
  transport.listen({ frame: () => {}, writable: () => {}, closed: () => {} })
  socket.asked.length = 0
  return { socket, transport }
}

// `close`, running beside the test.
const closing = (transport: ReturnType<typeof opened>["transport"], code: number, reason = "") =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(transport.close(code, reason))
    yield* TestClock.adjust(0)
    return { over: () => fiber.pollUnsafe() !== undefined }
  })

describe("closing", () => {
  const goodbyes: ReadonlyArray<readonly [code: number, reason: string, said: string]> = [
    [1000, "", "close 1000"],
    [4999, "why", "close 4999 why"],
    [1005, "never sent", "close"],
    [1006, "why", "close 1011 why"],
    [1004, "", "close 1011"],
    [1015, "", "close 1011"],
    [2000, "", "close 1011"],
    [0, "", "close 1011"],
    [3000, "ä".repeat(100), `close 3000 ${"ä".repeat(61)}`],
  ]
  for (const [code, reason, said] of goodbyes) {
    it.effect(`with ${code} says ${said.slice(0, 20)} and ends with the peer's answer`, () =>
      Effect.gen(function* () {
        const { socket, transport } = opened()
        const { over } = yield* closing(transport, code, reason)
        assert.deepStrictEqual(socket.asked, ["resume", said])
        yield* TestClock.adjust("9999 millis")
        assert.isFalse(over())
        socket.end(1000)
        yield* TestClock.adjust(0)
        assert.isTrue(over())
        assert.deepStrictEqual(socket.asked, ["resume", said])
      }),
    )
  }

  it.effect("sends what is unsent first, and nothing new meanwhile", () =>
    Effect.gen(function* () {
      const { socket, transport } = opened()
      transport.send(frame(100))
      yield* closing(transport, 1000)
      assert.isFalse(transport.send(frame(1)))
      assert.deepStrictEqual(socket.asked, ["text 100", "resume"])
      socket.take()
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(socket.asked, ["text 100", "resume", "close 1000"])
    }),
  )

  it.effect("reads on, because the answer must be read, even if somebody pauses it", () =>
    Effect.gen(function* () {
      const { socket, transport } = opened()
      transport.pause()
      yield* closing(transport, 1000)
      transport.pause()
      assert.deepStrictEqual(socket.asked, ["pause", "resume", "close 1000"])
    }),
  )

  it.effect("keeps nothing of what comes before the answer while nobody listens", () =>
    Effect.gen(function* () {
      const socket = new FakeSocket()
      const transport = SocketTransport.make(socket, socket.about)
      yield* closing(transport, 1000)
      socket.emit("message", Buffer.alloc(1024), true)
      const heard: Array<number> = []
      transport.listen({ frame: ({ size }) => heard.push(size), writable: () => {}, closed: () => {} })
      assert.deepStrictEqual(heard, [])
    }),
  )

  it.effect("cuts a peer that takes nothing for ten seconds", () =>
    Effect.gen(function* () {
      const { socket, transport } = opened()
      transport.send(frame(100))
      const { over } = yield* closing(transport, 1000)
      yield* TestClock.adjust("9999 millis")
      assert.deepStrictEqual(socket.asked, ["text 100", "resume"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(socket.asked, ["text 100", "resume", "terminate"])
      assert.isTrue(over())
    }),
  )

  it.effect("waits for a peer as long as it takes something", () =>
    Effect.gen(function* () {
      const { socket, transport } = opened()
      transport.send(frame(100))
      yield* closing(transport, 1000)
      for (let step = 0; step < 10; step++) {
        yield* TestClock.adjust("9 seconds")
        socket.take(10)
      }
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(socket.asked, ["text 100", "resume", "close 1000"])
    }),
  )

  it.effect("waits for the answer until the socket gives the peer up", () =>
    Effect.gen(function* () {
      const { socket, transport } = opened()
      const { over } = yield* closing(transport, 1000)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([socket.asked, over()], [["resume", "close 1000"], false])
      socket.end(1006)
      yield* TestClock.adjust(0)
      assert.isTrue(over())
    }),
  )

  it.effect("is over when the peer breaks away before it took everything", () =>
    Effect.gen(function* () {
      const { socket, transport } = opened()
      transport.send(frame(100))
      const { over } = yield* closing(transport, 1000)
      socket.end(1006)
      yield* TestClock.adjust(0)
      assert.isTrue(over())
      assert.notInclude(socket.asked, "terminate")
    }),
  )

  it.effect("does nothing when it is over already", () =>
    Effect.gen(function* () {
      const { socket, transport } = opened()
      socket.end(4000, "was it")
      yield* transport.close(1000, "")
      assert.deepStrictEqual(socket.asked, [])
      assert.deepStrictEqual(yield* transport.closed, { code: 4000, reason: "was it", clean: true })
    }),
  )

  it("cutting says nothing", () => {
    const { socket, transport } = opened()
    transport.cut()
    assert.deepStrictEqual(socket.asked, ["terminate"])
  })
})
