import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import { afterEach, beforeEach, vi } from "vitest"
import * as Client from "../src/Client.ts"
import { Dialer } from "../src/Dialer.ts"
import { dial } from "../src/internal/browser.ts"
import * as Payload from "../src/internal/payload.ts"
import type { CloseInfo, Transport } from "../src/Transport.ts"

/** A WebSocket of a browser, moved by hand. */
class Fake extends EventTarget {
  static last: Fake
  readyState = 0
  bufferedAmount = 0
  protocol = "chat"
  extensions = "permessage-deflate"
  binaryType = "blob"
  readonly sent: Array<unknown> = []
  readonly closes: Array<ReadonlyArray<unknown>> = []
  readonly of: ReadonlyArray<unknown>
  constructor(...of: ReadonlyArray<unknown>) {
    super()
    if (of[0] === "ws://insecure.example/") throw new DOMException("not from here", "SecurityError")
    this.of = of
    Fake.last = this
  }
  send(data: unknown) {
    this.sent.push(data)
    this.bufferedAmount += typeof data === "string" ? data.length : (data as Uint8Array).byteLength
  }
  close(...with_: ReadonlyArray<unknown>) {
    this.closes.push(with_)
    this.readyState = 2
  }
  open() {
    this.readyState = 1
    this.tell("open")
  }
  end(code: number, reason: string, wasClean: boolean) {
    this.readyState = 3
    this.tell("close", { code, reason, wasClean })
  }
  tell(type: string, about: object = {}) {
    this.dispatchEvent(Object.assign(new Event(type), about))
  }
}

beforeEach(() => {
  vi.stubGlobal("WebSocket", Fake)
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const url = "ws://a.example/x"

const opened = Effect.gen(function* () {
  const dialling = yield* Effect.forkChild(dial({ url, protocols: ["chat"] }), { startImmediately: true })
  Fake.last.open()
  return { transport: yield* Fiber.join(dialling), socket: Fake.last }
})

const heard = (transport: Transport, high?: number) => {
  const all: Array<unknown> = []
  transport.listen(
    {
      frame: (frame) => all.push(frame.text ? Payload.read(frame) : [...frame.bytes()]),
      writable: () => all.push("writable"),
      confirmed: (mark) => all.push(mark),
      closed: (info) => all.push(info),
    },
    high,
  )
  return all
}

const gone: CloseInfo = { code: 1006, reason: "", clean: false }

describe("the browser's transport", () => {
  it.effect("dials with what a page can say, and shows what it is told", () =>
    Effect.gen(function* () {
      const { socket, transport } = yield* opened
      assert.deepStrictEqual(socket.of, [url, ["chat"]])
      assert.deepStrictEqual(
        [transport.protocol, transport.headers, transport.pings, socket.binaryType],
        ["chat", { "sec-websocket-extensions": "permessage-deflate" }, false, "arraybuffer"],
      )
    }),
  )

  it.effect("says that nobody was reached, and why if the platform does", () =>
    Effect.gen(function* () {
      const failed = Effect.fnUntraced(function* (event: object) {
        const dialling = yield* Effect.forkChild(Effect.result(dial({ url })), { startImmediately: true })
        Fake.last.tell("error", event)
        Fake.last.end(1006, "", false)
        const result = yield* Fiber.join(dialling)
        return Result.isFailure(result) ? result.failure.message : "it is open"
      })
      assert.deepStrictEqual(
        [yield* failed({}), yield* failed({ message: "connect ECONNREFUSED" })],
        ["the platform does not say why", "connect ECONNREFUSED"].map(
          (why) => `ws://a.example cannot be reached (other): ${why}`,
        ),
      )
      const { message } = yield* Effect.flip(dial({ url: "ws://insecure.example/" }))
      assert.match(message, /SecurityError: not from here/)
    }),
  )

  it.effect("a dial that is given up is hung up", () =>
    Effect.gen(function* () {
      const dialling = yield* Effect.forkChild(Effect.scoped(dial({ url })), { startImmediately: true })
      yield* Fiber.interrupt(dialling)
      assert.deepStrictEqual(Fake.last.closes, [[]])
    }),
  )

  it.effect("what arrives before anybody listens is kept, the end too", () =>
    Effect.gen(function* () {
      const { socket, transport } = yield* opened
      socket.tell("message", { data: "\ufeffé" })
      socket.tell("message", { data: new Uint8Array([1, 2]).buffer })
      socket.end(1012, "restart", true)
      assert.deepStrictEqual(heard(transport), ["\ufeffé", [1, 2], { code: 1012, reason: "restart", clean: true }])
      assert.strictEqual(transport.heardBytes(), 7)
    }),
  )

  it.effect("text goes as text, bytes as bytes, and nothing after the end", () =>
    Effect.gen(function* () {
      const { socket, transport } = yield* opened
      assert.isTrue(transport.send(Payload.text("é")))
      assert.isTrue(transport.send(Payload.binary(new Uint8Array([1]))))
      assert.deepStrictEqual(socket.sent, ["é", new Uint8Array([1])])
      socket.end(1006, "", false)
      assert.deepStrictEqual([transport.send(Payload.text("late")), transport.barrier(3)], [false, false])
    }),
  )

  it.effect("from the high mark on it says no, and calls back below a quarter of it", () =>
    Effect.gen(function* () {
      const { socket, transport } = yield* opened
      const all = heard(transport, 8)
      assert.deepStrictEqual(
        ["12345678", "9"].map((text) => transport.send(Payload.text(text))),
        [true, false],
      )
      socket.bufferedAmount = 3
      vi.advanceTimersByTime(20)
      assert.deepStrictEqual(all, [])
      socket.bufferedAmount = 2
      vi.advanceTimersByTime(20)
      assert.deepStrictEqual(all, ["writable"])
      assert.strictEqual(vi.getTimerCount(), 0)
    }),
  )

  it.effect("a barrier is confirmed when everything before it was handed on, and never at once", () =>
    Effect.gen(function* () {
      const { socket, transport } = yield* opened
      const all = heard(transport)
      transport.send(Payload.text("12345"))
      assert.isTrue(transport.barrier(1))
      transport.send(Payload.text("123"))
      assert.isTrue(transport.barrier(2))
      socket.bufferedAmount = 4
      vi.advanceTimersByTime(20)
      assert.deepStrictEqual(all, [])
      socket.bufferedAmount = 3
      vi.advanceTimersByTime(20)
      assert.deepStrictEqual(all, [1])
      socket.bufferedAmount = 0
      vi.advanceTimersByTime(20)
      assert.isTrue(transport.barrier(2))
      assert.deepStrictEqual(all, [1, 2])
      vi.advanceTimersByTime(20)
      assert.deepStrictEqual(all, [1, 2, 2])
      assert.strictEqual(vi.getTimerCount(), 0)
    }),
  )

  it.effect("no more than 32 barriers are open", () =>
    Effect.gen(function* () {
      const { socket, transport } = yield* opened
      const all = heard(transport)
      transport.send(Payload.text("x"))
      const set = Array.from({ length: 33 }, (_, at) => transport.barrier(at))
      assert.deepStrictEqual([set.lastIndexOf(true), set.indexOf(false)], [31, 32])
      socket.bufferedAmount = 0
      vi.advanceTimersByTime(20)
      assert.deepStrictEqual([all, transport.barrier(32)], [[31], true])
    }),
  )

  it.effect("cut means now: the browser may say goodbye for as long as it likes, and nobody hears of it", () =>
    Effect.gen(function* () {
      const { socket, transport } = yield* opened
      const all = heard(transport)
      transport.cut()
      assert.deepStrictEqual([all, socket.closes, yield* transport.closed], [[gone], [[]], gone])
      socket.end(1000, "at last", true)
      transport.cut()
      assert.deepStrictEqual([all, socket.closes], [[gone], [[]]])
    }),
  )

  it.effect("its scope cuts it", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { socket, transport } = yield* Scope.provide(opened, scope)
      const all = heard(transport)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([all, socket.closes], [[gone], [[]]])
    }),
  )

  it.effect("goodbye has a code that pages may send, or none, and waits for the answer", () =>
    Effect.gen(function* () {
      const said = Effect.fnUntraced(function* (code: number, reason: string) {
        const { socket, transport } = yield* opened
        const leaving = yield* Effect.forkChild(transport.close(code, reason), { startImmediately: true })
        assert.isFalse(transport.send(Payload.text("late")))
        socket.end(code, reason, true)
        yield* Fiber.join(leaving)
        return socket.closes
      })
      assert.deepStrictEqual(
        [yield* said(1000, "x".repeat(200)), yield* said(4999, ""), yield* said(1005, ""), yield* said(1011, "bug")],
        [[[1000, "x".repeat(123)]], [[4999, ""]], [[]], [[]]],
      )
    }),
  )

  it.effect("a peer that does not answer a goodbye is cut, but not while it still takes what was sent", () =>
    Effect.gen(function* () {
      const { socket, transport } = yield* opened
      const all = heard(transport)
      transport.send(Payload.text("1234"))
      const leaving = yield* Effect.forkChild(transport.close(1000, ""), { startImmediately: true })
      for (const left of [3, 2, 0]) {
        socket.bufferedAmount = left
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(all, [])
      }
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(leaving)
      assert.deepStrictEqual(all, [gone])
    }),
  )

  it.effect("a server that says nothing is not given up, because no Ping can ask it", () =>
    Effect.gen(function* () {
      const client = yield* Effect.provideService(Client.make({ url }), Dialer, { dial })
      yield* TestClock.adjust("1 second")
      Fake.last.open()
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual([client.state(), Fake.last.closes], ["Ready", []])
      const sent = yield* Effect.forkChild(client.send("still there"), { startImmediately: true })
      yield* Fiber.join(sent)
      assert.deepStrictEqual(Fake.last.sent, ["still there"])
      Fake.last.end(1000, "done", true)
    }),
  )
})
