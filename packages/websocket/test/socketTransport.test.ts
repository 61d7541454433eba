import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as SocketTransport from "../src/internal/socketTransport.ts"
import type { CloseInfo, Frame } from "../src/Transport.ts"
import { FakeSocket } from "./support/fakeSocket.ts"

const KiB = 1024
const frame = (size: number, text = false): Frame => ({ text, size, bytes: () => new Uint8Array(size) })

const opened = () => {
  const socket = new FakeSocket()
  const transport = SocketTransport.make(socket, socket.about)
  const heard: Array<string | CloseInfo> = []
  const listen = () =>
    transport.listen({
      frame: (it) => heard.push(`${it.text ? "text" : "binary"} ${it.size} ${Buffer.from(it.bytes())}`),
      writable: () => heard.push("writable"),
      closed: (info) => heard.push(info),
    })
  return { socket, transport, heard, listen }
}

describe("a transport hears", () => {
  it("text as text, binary as binary, whatever shape the payload has", () => {
    const { heard, listen, socket } = opened()
    listen()
    socket.emit("message", Buffer.from("≈"), false)
    socket.emit("message", [Buffer.from("a"), Buffer.from("b")], true)
    socket.emit("message", new Uint8Array([99]).buffer, true)
    socket.emit("message", Buffer.alloc(0), false)
    assert.deepStrictEqual(heard, ["text 3 ≈", "binary 2 ab", "binary 1 c", "text 0 "])
  })

  it("nothing before it listens", () => {
    const { listen, socket } = opened()
    assert.deepStrictEqual(socket.asked, [])
    listen()
    assert.deepStrictEqual(socket.asked, ["resume"])
  })

  it("what the socket let go of before it listened, and then how it ended", () => {
    const { heard, listen, socket } = opened()
    socket.emit("message", Buffer.from("a"), false)
    socket.emit("message", Buffer.from("b"), false)
    socket.end(1006)
    listen()
    assert.deepStrictEqual(heard, ["text 1 a", "text 1 b", { code: 1006, reason: "", clean: false }])
  })

  const endings: ReadonlyArray<readonly [what: string, error: string | undefined, code: number, told: CloseInfo]> = [
    ["a goodbye", undefined, 4001, { code: 4001, reason: "r", clean: true }],
    ["a goodbye without a code", undefined, 1005, { code: 1005, reason: "r", clean: true }],
    ["a reset", "ECONNRESET", 1006, { code: 1006, reason: "r", clean: false }],
    ["a bad opcode", "WS_ERR_INVALID_OPCODE", 1006, { code: 1002, reason: "why", clean: false }],
    ["a frame without a mask", "WS_ERR_EXPECTED_MASK", 1006, { code: 1002, reason: "why", clean: false }],
    ["bad UTF-8", "WS_ERR_INVALID_UTF8", 1006, { code: 1007, reason: "why", clean: false }],
    ["a large message", "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH", 1006, { code: 1009, reason: "why", clean: false }],
    ["a huge message", "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH", 1006, { code: 1009, reason: "why", clean: false }],
    ["too many fragments", "WS_ERR_TOO_MANY_BUFFERED_PARTS", 1006, { code: 1008, reason: "why", clean: false }],
  ]
  for (const [what, error, code, told] of endings) {
    it.effect(`${what} as ${told.code}`, () =>
      Effect.gen(function* () {
        const { heard, listen, socket, transport } = opened()
        listen()
        if (error !== undefined) socket.emit("error", Object.assign(new Error("why"), { code: error }))
        socket.end(code, "r")
        assert.deepStrictEqual(heard, [told])
        assert.deepStrictEqual(yield* transport.closed, told)
      }),
    )
  }
})

describe("sending", () => {
  it("keeps text and binary apart", () => {
    const { socket, transport } = opened()
    assert.deepStrictEqual([transport.send(frame(3, true)), transport.send(frame(4))], [true, true])
    assert.deepStrictEqual(socket.asked, ["text 3", "binary 4"])
  })

  it("stops at the high watermark, and one message may exceed it", () => {
    const { socket, transport } = opened()
    assert.strictEqual(SocketTransport.highWatermark, 1024 * KiB)
    assert.isTrue(transport.send(frame(SocketTransport.highWatermark - 1)))
    assert.isTrue(transport.send(frame(5000 * KiB)))
    assert.isFalse(transport.send(frame(0)))
    assert.strictEqual(socket.asked.length, 2)
  })

  it("says once that it is writable again, at the low watermark", () => {
    const { heard, listen, socket, transport } = opened()
    listen()
    for (let at = 0; at < 16; at++) assert.isTrue(transport.send(frame(64 * KiB)))
    assert.isFalse(transport.send(frame(1)))
    socket.take(767 * KiB)
    assert.deepStrictEqual(heard, [])
    socket.take(1 * KiB)
    assert.deepStrictEqual(heard, ["writable"])
    socket.take()
    assert.deepStrictEqual(heard, ["writable"])
    assert.isTrue(transport.send(frame(1)))
  })

  it("says that it is writable again after one message larger than the watermarks", () => {
    const { heard, listen, socket, transport } = opened()
    listen()
    transport.send(frame(5000 * KiB))
    assert.isFalse(transport.send(frame(1)))
    socket.take(4999 * KiB)
    assert.deepStrictEqual(heard, [])
    socket.take()
    assert.deepStrictEqual(heard, ["writable"])
  })

  it("says that it is writable again when what stands behind its messages has gone, which may be Pongs", () => {
    const { heard, listen, socket, transport } = opened()
    listen()
    transport.send(frame(1024 * KiB))
    transport.send(frame(1))
    socket.bufferedAmount += 300 * KiB
    socket.take(1024 * KiB)
    assert.deepStrictEqual(heard, [])
    socket.take()
    assert.deepStrictEqual(heard, ["writable"])
  })

  it("does not speak of room that nobody waits for", () => {
    const { heard, listen, socket, transport } = opened()
    listen()
    transport.send(frame(1024 * KiB))
    socket.take()
    assert.deepStrictEqual(heard, [])
  })

  it("is refused when the socket is not open any more, and nobody is promised a `writable`", () => {
    const { heard, listen, socket, transport } = opened()
    listen()
    transport.send(frame(1024 * KiB))
    transport.send(frame(1))
    socket.readyState = 2
    assert.isFalse(transport.send(frame(1)))
    socket.take()
    assert.deepStrictEqual(heard, [])
  })
})
