import { assert, describe, it } from "@effect/vitest"
import { type Options as WebSocketOptions, WebSocket } from "@holdfast/websocket/WebSocket"
import { Effect } from "effect"
import { dropIn, watch } from "./kit/dropIn.ts"
import { eventually } from "./kit/eventually.ts"
import { echo, upstream } from "./kit/peers.ts"

const name = (f: () => unknown): string => {
  try {
    f()
  } catch (error) {
    return error instanceof Error ? error.name : "?"
  }
  return "nothing"
}

describe("constants (web-platform-tests: interfaces/WebSocket/constants, interfaces/WebSocket/readyState)", () => {
  it.live("are on the class and on every instance, and cannot be changed", () =>
    Effect.gen(function* () {
      const { url } = yield* echo
      const { socket } = yield* dropIn(url)
      const states = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 }
      const of = ({ CLOSED, CLOSING, CONNECTING, OPEN }: typeof states) => ({ CLOSED, CLOSING, CONNECTING, OPEN })
      assert.deepStrictEqual([of(WebSocket), of(socket)], [states, states])
      assert.strictEqual(
        name(() => Object.assign(socket, { OPEN: 5 })),
        "TypeError",
      )
      assert.strictEqual(
        name(() => Object.assign(socket, { readyState: 5 })),
        "TypeError",
      )
      assert.strictEqual(Object.prototype.toString.call(socket), "[object WebSocket]")
      assert.isTrue(socket instanceof EventTarget)
    }),
  )
})

it("takes the place of the global class, for the compiler too", () => {
  const standard: typeof globalThis.WebSocket = WebSocket
  assert.strictEqual(standard.OPEN, 1)
})

describe("the constructor (web-platform-tests: Create-*)", () => {
  it("throws SyntaxErrors for wrong URLs and subprotocols, and dials nothing", () =>
    assert.deepStrictEqual(
      [
        () => new WebSocket("ftp://127.0.0.1/"),
        () => new WebSocket("ws://127.0.0.1/#x"),
        () => new WebSocket("ws://127.0.0.1/", "no token"),
        () => new WebSocket("ws://127.0.0.1/", ["a", "a"]),
        () => Reflect.construct(WebSocket, []),
      ].map(name),
      ["SyntaxError", "SyntaxError", "SyntaxError", "SyntaxError", "TypeError"],
    ))

  for (const [named, options] of [
    ["buffer.messages", { buffer: { messages: 0 } }],
    ["buffer.bytes", { buffer: { bytes: 0 } }],
    ["giveUpAfter", { giveUpAfter: -1 }],
    ["baseDelay", { backoff: { baseDelay: 0 } }],
    ["x y", { headers: { "x y": "1" } }],
  ] satisfies ReadonlyArray<readonly [string, WebSocketOptions]>) {
    it(`throws at once for options that cannot be: ${JSON.stringify(options)}`, () =>
      assert.throws(() => new WebSocket("ws://127.0.0.1:9/", [], options), named))
  }

  it.live("connects to a URL of HTTP too, and shows that of the WebSocket", () =>
    Effect.gen(function* () {
      const { port } = yield* echo
      const it = yield* dropIn(new URL(`http://127.0.0.1:${port}/a?b=%20c`))
      yield* it.next("open")
      assert.strictEqual(it.socket.url, `ws://127.0.0.1:${port}/a?b=%20c`)
    }),
  )

  it.live("offers the subprotocols, and shows the one that was chosen; there are no extensions", () =>
    Effect.gen(function* () {
      const up = yield* upstream({ handleProtocols: () => "chat" })
      const it = yield* dropIn(up.url, ["echo", "chat"])
      assert.deepStrictEqual([it.socket.protocol, it.socket.extensions], ["", ""])
      const { http } = yield* up.accepted
      yield* it.next("open")
      assert.strictEqual(http.headers["sec-websocket-protocol"], "echo, chat")
      assert.deepStrictEqual([it.socket.protocol, it.socket.extensions], ["chat", ""])
    }),
  )

  it.live("sends headers where it can", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      yield* dropIn(up.url, [], { headers: { authorization: "Bearer x" } })
      const { http } = yield* up.accepted
      assert.strictEqual(http.headers.authorization, "Bearer x")
    }),
  )
})

describe("events (web-platform-tests: eventhandlers, interfaces/WebSocket/events)", () => {
  it.live("come in order, and each finds the state it tells of", () =>
    Effect.gen(function* () {
      const { url } = yield* echo
      const it = yield* dropIn(url)
      const states: Array<readonly [string, number]> = []
      for (const type of ["open", "message", "close"] as const) {
        it.socket.addEventListener(type, () => states.push([type, it.socket.readyState]))
      }
      assert.strictEqual(it.socket.readyState, WebSocket.CONNECTING)
      yield* it.next("open")
      it.socket.send("hello")
      yield* it.next("message")
      it.socket.close(1000, "done")
      assert.strictEqual(it.socket.readyState, WebSocket.CLOSING)
      assert.deepStrictEqual(yield* it.closed, { code: 1000, reason: "done", wasClean: true })
      assert.deepStrictEqual(states, [
        ["open", 1],
        ["message", 1],
        ["close", 3],
      ])
      assert.deepStrictEqual(it.told(), ["open", "message hello", "close 1000"])
    }),
  )

  it.live("reach handlers and listeners in the order in which they were added", () =>
    Effect.gen(function* () {
      const { url } = yield* echo
      const it = yield* dropIn(url)
      const { socket } = it
      const order: Array<string> = []
      socket.onopen = () => void order.push("first handler")
      socket.addEventListener("open", () => void order.push("listener"))
      const second = () => void order.push("handler")
      socket.onopen = second
      assert.strictEqual(socket.onopen, second)
      socket.onmessage = () => void order.push("message")
      socket.onmessage = null
      // A page without types may set anything; what is no function is nobody.
      socket.onclose = "nobody" as unknown as null
      assert.deepStrictEqual(
        [socket.onmessage, socket.onclose, socket.onerror, socket.onaway],
        [null, null, null, null],
      )
      yield* it.next("open")
      socket.send("x")
      yield* it.next("message")
      assert.deepStrictEqual(order, ["handler", "listener"])
    }),
  )

  it.live("of a message carry where it came from, and `this` is the socket", () =>
    Effect.gen(function* () {
      const { url } = yield* echo
      const { next, socket } = yield* dropIn(url)
      const selves: Array<unknown> = []
      socket.onopen = function () {
        selves.push(this)
        socket.send("x")
      }
      const event = yield* next<MessageEvent>("message")
      assert.deepStrictEqual(
        [event.origin, event.data, event.target === socket, selves[0] === socket],
        [url, "x", true, true],
      )
      assert.isTrue(event instanceof MessageEvent)
    }),
  )
})

describe("binaryType (web-platform-tests: binary/*, binaryType-wrong-value, Create-valid-url-binaryType-blob)", () => {
  it.live("is blob or arraybuffer, and nothing else", () =>
    Effect.gen(function* () {
      const { url } = yield* echo
      const { message, next, socket } = yield* dropIn(url)
      assert.strictEqual(socket.binaryType, "blob")
      Object.assign(socket, { binaryType: "notBlobOrArrayBuffer" })
      assert.strictEqual(socket.binaryType, "blob")
      yield* next("open")
      socket.send(new Uint8Array([1, 2]))
      const blob = yield* message
      if (!(blob instanceof Blob)) throw new Error("it is no Blob")
      assert.deepStrictEqual([...new Uint8Array(yield* Effect.promise(() => blob.arrayBuffer()))], [1, 2])
      socket.binaryType = "arraybuffer"
      socket.send(new Uint8Array([3]).buffer)
      const buffer = yield* message
      if (!(buffer instanceof ArrayBuffer)) throw new Error("it is no ArrayBuffer")
      assert.deepStrictEqual([...new Uint8Array(buffer)], [3])
    }),
  )

  it.live("Blobs are sent in their turn, also before a goodbye", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const { closed, next, socket } = yield* dropIn(up.url)
      const peer = yield* up.accepted
      yield* next("open")
      socket.send("first")
      socket.send(new Blob(["a", "b"]))
      socket.send("last")
      assert.strictEqual(socket.bufferedAmount, 11)
      socket.close()
      assert.deepStrictEqual(
        [`${yield* peer.next}`, `${yield* peer.next}`, `${yield* peer.next}`],
        ["first", "ab", "last"],
      )
      assert.deepStrictEqual(yield* closed, { code: 1005, reason: "", wasClean: true })
    }),
  )

  it.live("a Blob that cannot be read is an error, and stops nothing behind it", () =>
    Effect.gen(function* () {
      const { url } = yield* echo
      const { message, next, socket, told } = yield* dropIn(url)
      yield* next("open")
      socket.send(Object.assign(new Blob(["x"]), { arrayBuffer: () => Promise.reject(new Error("gone")) }))
      socket.send("behind it")
      assert.strictEqual(yield* message, "behind it")
      assert.deepStrictEqual([told(), socket.bufferedAmount], [["open", "error", "message behind it"], 0])
    }),
  )

  it.live("text keeps its byte order mark, and half a surrogate pair becomes U+FFFD", () =>
    Effect.gen(function* () {
      const { url } = yield* echo
      const { message, next, socket } = yield* dropIn(url)
      yield* next("open")
      socket.send("\ufeffé\ud807")
      assert.strictEqual(yield* message, "\ufeffé\ufffd")
    }),
  )
})

describe("bufferedAmount (web-platform-tests: interfaces/WebSocket/bufferedAmount)", () => {
  it.live("is the payload until it is sent, without framing", () =>
    Effect.gen(function* () {
      const { url } = yield* echo
      const { message, next, socket } = yield* dropIn(url)
      const amounts: Array<number> = []
      socket.onopen = () => {
        amounts.push(socket.bufferedAmount)
        socket.send("é")
        amounts.push(socket.bufferedAmount)
        socket.send(new Uint8Array(10))
        amounts.push(socket.bufferedAmount)
      }
      yield* next("open")
      yield* message
      yield* message
      assert.deepStrictEqual([...amounts, socket.bufferedAmount], [0, 2, 12, 0])
      socket.send("x".repeat(65_000))
      assert.strictEqual(socket.bufferedAmount, 65_000)
      yield* eventually(() => socket.bufferedAmount === 0)
    }),
  )

  it.live("grows by what is sent after the end, which goes nowhere", () =>
    Effect.gen(function* () {
      const { url } = yield* echo
      const { closed, next, socket } = yield* dropIn(url)
      yield* next("open")
      socket.close()
      socket.send("1234")
      yield* closed
      socket.send(new Uint8Array(6))
      assert.strictEqual(socket.bufferedAmount, 10)
    }),
  )
})

describe("close (web-platform-tests: Close-*, interfaces/WebSocket/close)", () => {
  it.live("throws for codes and reasons that may not be sent, and changes nothing", () =>
    Effect.gen(function* () {
      const { url } = yield* echo
      const { next, socket } = yield* dropIn(url)
      yield* next("open")
      assert.deepStrictEqual(
        [() => socket.close(1001), () => socket.close(2999, "x"), () => socket.close(1000, "x".repeat(124))].map(name),
        ["InvalidAccessError", "InvalidAccessError", "SyntaxError"],
      )
      assert.strictEqual(socket.readyState, WebSocket.OPEN)
    }),
  )

  it.live("while connecting it ends unclean with 1006, an error before, and not before `close` has returned", () =>
    Effect.gen(function* () {
      const up = yield* upstream({ verifyClient: () => {} }) // never answers
      const it = yield* dropIn(up.url)
      it.socket.close()
      assert.deepStrictEqual([it.socket.readyState, it.told()], [WebSocket.CLOSING, []])
      const { code, wasClean } = yield* it.closed
      assert.deepStrictEqual([code, wasClean, it.told()], [1006, false, ["error", "close 1006"]])
    }),
  )

  it.live("says what it was told to the server, after all that was sent", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const { closed, socket } = yield* dropIn(up.url)
      const peer = yield* up.accepted
      socket.onopen = () => {
        socket.send("hello")
        socket.close(3000, "bye é")
        socket.close(4000, "twice is once")
      }
      assert.strictEqual(yield* peer.next, "hello")
      assert.deepStrictEqual(yield* peer.closed, { code: 3000, reason: "bye é" })
      assert.deepStrictEqual(yield* closed, { code: 3000, reason: "bye é", wasClean: true })
      socket.close()
      assert.strictEqual(socket.readyState, WebSocket.CLOSED)
    }),
  )

  it.live("no message is told once it closes", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const it = yield* dropIn(up.url)
      const peer = yield* up.accepted
      yield* it.next("open")
      it.socket.close()
      yield* peer.send("too late")
      yield* it.closed
      assert.deepStrictEqual(it.told(), ["open", "close 1005"])
    }),
  )

  it.live("when the server says it is done that is the end, and clean", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const it = yield* dropIn(up.url)
      const peer = yield* up.accepted
      yield* it.next("open")
      peer.ws.close(1000, "done")
      assert.deepStrictEqual(yield* it.closed, { code: 1000, reason: "done", wasClean: true })
      assert.deepStrictEqual([it.told(), it.socket.readyState], [["open", "close 1000"], WebSocket.CLOSED])
    }),
  )

  it.live("a server that says no for good ends it with its status, from 4000", () =>
    Effect.gen(function* () {
      const up = yield* upstream({
        verifyClient: (_: unknown, answer: (ok: boolean, code: number) => void) => answer(false, 401),
      })
      const it = watch(new WebSocket(up.url))
      const { code, wasClean } = yield* it.closed
      assert.deepStrictEqual([code, wasClean, it.told()], [4401, false, ["error", "close 4401"]])
    }),
  )
})
