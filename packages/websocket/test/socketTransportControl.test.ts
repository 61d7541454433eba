import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as SocketTransport from "../src/internal/socketTransport.ts"
import type { CloseInfo } from "../src/Transport.ts"
import { FakeSocket } from "./support/fakeSocket.ts"
import { frame } from "./support/fakeTransport.ts"

const opened = () => {
  const socket = new FakeSocket()
  const transport = SocketTransport.make(socket, socket.about)
  const heard: Array<string | CloseInfo> = []
  transport.listen({
    frame: (it) => heard.push(`frame ${it.size}`),
    writable: () => {},
    confirmed: (mark) => heard.push(`confirmed ${mark}`),
    unfinished: (bytes) => heard.push(`unfinished ${bytes}`),
    closed: (info) => heard.push(info),
  })
  const asked = () => socket.asked.filter((what) => what !== "resume")
  return { socket, transport, heard, asked }
}

describe("a barrier", () => {
  it("is a Ping behind what was sent, and its Pong tells the mark", () => {
    const { asked, heard, socket, transport } = opened()
    transport.send(frame("a"))
    assert.isTrue(transport.barrier(1))
    transport.send(frame("b"))
    assert.isTrue(transport.barrier(2))
    assert.deepStrictEqual(asked(), ["text 1", "ping", "text 1", "ping"])
    socket.emit("pong", socket.pings[1])
    assert.deepStrictEqual(heard, ["confirmed 2"])
  })

  it("is not sent on a connection that is over or about to be, or to a peer that owes too many answers", () => {
    const { socket, transport } = opened()
    for (let at = 0; at < 32; at++) assert.isTrue(transport.barrier(at))
    assert.isFalse(transport.barrier(32))
    socket.emit("pong", socket.pings[0])
    assert.isTrue(transport.barrier(32))
    socket.emit("pong", socket.pings[32])
    socket.readyState = 2
    assert.isFalse(transport.barrier(33))
  })

  it("is not sent behind a goodbye", () =>
    Effect.gen(function* () {
      const { socket, transport } = opened()
      transport.send(frame("a"))
      yield* Effect.forkChild(transport.close(1000, ""))
      yield* Effect.yieldNow
      assert.isFalse(transport.barrier(1))
      assert.deepStrictEqual(socket.pings, [])
    }).pipe(Effect.scoped, Effect.runPromise))
})

describe("control frames that nobody asked for", () => {
  const bad = ["", "too much", "12345678"]
  for (const [what, event] of [
    ["Pings", "ping"],
    ["Pongs", "pong"],
  ] as const) {
    it(`of the kind of ${what} are 50 at once and 10 a second, then the connection ends with 1008`, () => {
      const { asked, heard, socket } = opened()
      for (let at = 0; at < 50; at++) socket.emit(event, Buffer.from(bad[at % 3]!))
      for (let second = 1; second <= 5; second++) {
        socket.now = second * 1000
        for (let at = 0; at < 10; at++) socket.emit(event, Buffer.alloc(0))
      }
      assert.deepStrictEqual(asked(), [])
      socket.emit(event, Buffer.alloc(0))
      socket.emit(event, Buffer.alloc(0))
      assert.deepStrictEqual(asked(), ["close 1008 too many control frames"])
      socket.end(1008)
      assert.deepStrictEqual(heard, [{ code: 1008, reason: "too many control frames", clean: false }])
    })
  }

  it("do not count those that answer a barrier", () => {
    const { asked, heard, socket, transport } = opened()
    for (let at = 0; at < 1000; at++) {
      transport.barrier(at)
      socket.emit("pong", socket.pings[at])
    }
    assert.deepStrictEqual([heard.length, asked().every((what) => what === "ping")], [1000, true])
  })
})

describe("a message that is not whole yet", () => {
  it("is told in steps of 64 KiB, and when it is whole", () => {
    const { heard, socket } = opened()
    for (const bytes of [10, 65_535, 65_536, 100_000, 131_072, 300_000, 0, 5, 0]) socket.emit("read", bytes)
    // Rounded up; a few bytes are not worth a word.
    const told = [65_536, 131_072, 327_680, 0].map((bytes) => `unfinished ${bytes}`)
    assert.deepStrictEqual(heard, told)
  })
})
