import * as Dialer from "@holdfast/websocket/Dialer"
import {
  type CloseInfo,
  type Frame,
  type Headers,
  type Listener,
  Refused,
  type Transport,
  TransportError,
} from "@holdfast/websocket/Transport"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Counter from "../src/internal/counter.ts"
import { pretend } from "./pretend.ts"
import { Doubts } from "../src/internal/doubts.ts"
import * as Logs from "../src/internal/logs.ts"
import { Tally } from "../src/internal/tally.ts"

/** One connection of a network that answers when the test says so. */
class Wire {
  readonly frames: Array<Frame> = []
  readonly goodbyes: Array<number> = []
  full = false
  #listener: Listener | undefined
  readonly #ended = Deferred.makeUnsafe<CloseInfo>()

  readonly transport: Transport

  constructor(headers: Headers) {
    this.transport = { ...this.#transport, headers }
  }

  readonly #transport: Omit<Transport, "headers"> = {
    protocol: "",
    listen: (listener) => void (this.#listener = listener),
    send: (frame) => {
      if (!this.full) this.frames.push(frame)
      return !this.full
    },
    unsentBytes: () => 0,
    barrier: () => true,
    heardBytes: () => 0,
    pause: () => {},
    resume: () => {},
    close: (code) => Effect.sync(() => void this.goodbyes.push(code)),
    cut: () => {},
    closed: Deferred.await(this.#ended),
  }

  get texts(): ReadonlyArray<string> {
    return this.frames.map((frame) => new TextDecoder().decode(frame.bytes()))
  }

  /** Brings back what was sent. */
  echo(): void {
    for (const frame of this.frames.splice(0)) this.#listener?.frame(frame)
  }

  bring(frame: Frame): void {
    this.#listener?.frame(frame)
  }

  drain(): void {
    this.full = false
    this.#listener?.writable()
  }

  end(info: CloseInfo): void {
    Deferred.doneUnsafe(this.#ended, Effect.succeed(info))
  }
}

/** The answer to each dial in turn, by default a connection that can not be resumed; a number is a refusal. */
const counting = (options: { readonly answers?: ReadonlyArray<Headers | number>; readonly doubts?: Doubts } = {}) =>
  Effect.gen(function* () {
    const wires: Array<Wire> = []
    const asked: Array<Headers | undefined> = []
    const tally = new Tally(options.doubts)
    const dial = ({ headers }: Dialer.Target) =>
      Effect.suspend(() => {
        const answer = options.answers?.[asked.length] ?? {}
        asked.push(headers)
        if (typeof answer === "number") return Effect.fail(new TransportError({ reason: refusal(answer) }))
        const wire = new Wire(answer)
        wires.push(wire)
        return Effect.succeed(wire.transport)
      })
    const { layer, written } = pretend()
    const logs = Layer.provide(Logs.layer({ "log-level": "info", "log-format": "pretty" }), layer)
    const counter = yield* Counter.make({ url: "ws://proxy", perSecond: 10, tally }).pipe(
      Effect.provideService(Dialer.Dialer, { dial }),
      Effect.provide(logs),
    )
    yield* TestClock.adjust(0)
    return { ...counter, tally, wires, asked, written }
  })

const refusal = (status: number) => new Refused({ target: "ws://proxy", status, headers: {}, body: new Uint8Array() })

const vanished = { code: 1006, reason: "", clean: false } as const

const ticket = (id: string, token: string): Headers => ({ "x-connection-id": id, "x-resume-token": token })

describe("the counting client", () => {
  it.effect("sends numbers at its rate, and says goodbye when everything is back", () =>
    Effect.gen(function* () {
      const { finish, tally, wires } = yield* counting()
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(wires[0]!.texts, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"])
      const finishing = yield* Effect.forkChild(finish)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(wires[0]!.goodbyes, [])
      wires[0]!.echo()
      yield* TestClock.adjust("10 millis")
      yield* Fiber.join(finishing)
      assert.deepStrictEqual(wires[0]!.goodbyes, [1000])
      assert.deepStrictEqual(tally.counts, {
        sent: 11,
        delivered: 11,
        lost: 0,
        cutOff: 0,
        duplicated: 0,
        outOfOrder: 0,
      })
    }),
  )

  it.effect("counts what was out on a connection that ended as lost, and dials again", () =>
    Effect.gen(function* () {
      const { tally, wires, written } = yield* counting()
      yield* TestClock.adjust("200 millis")
      wires[0]!.echo()
      yield* TestClock.adjust("200 millis")
      wires[0]!.end({ code: 1012, reason: "proxy is shutting down", clean: true })
      yield* TestClock.adjust("250 millis")
      assert.deepStrictEqual(tally.counts, { sent: 6, delivered: 3, lost: 2, cutOff: 0, duplicated: 0, outOfOrder: 0 })
      assert.deepStrictEqual(wires.length, 2)
      assert.deepStrictEqual(wires[1]!.texts, ["6"])
      assert.include(written.err, `WARN  the client's connection ended {"code":1012,`)
    }),
  )

  it.effect("gives up what does not come back in time", () =>
    Effect.gen(function* () {
      const { finish, tally, wires } = yield* counting()
      yield* TestClock.adjust("100 millis")
      const finishing = yield* Effect.forkChild(finish)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(finishing)
      assert.deepStrictEqual(tally.counts, { sent: 2, delivered: 0, lost: 2, cutOff: 0, duplicated: 0, outOfOrder: 0 })
      assert.deepStrictEqual(wires[0]!.goodbyes, [1000])
    }),
  )

  it.effect("waits while its connection can take no more", () =>
    Effect.gen(function* () {
      const { tally, wires } = yield* counting()
      wires[0]!.full = true
      yield* TestClock.adjust("1 second")
      assert.strictEqual(tally.counts.sent, 1)
      wires[0]!.drain()
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(tally.counts.sent, 12)
    }),
  )

  it.effect("comes back to its session when its connection vanished, and what was out may still arrive", () =>
    Effect.gen(function* () {
      const doubts = new Doubts()
      const answers = [ticket("s", "one"), ticket("s", "two")]
      const { asked, tally, wires } = yield* counting({ answers, doubts })
      yield* TestClock.adjust("200 millis")
      wires[0]!.end(vanished)
      yield* TestClock.adjust("250 millis")
      assert.deepStrictEqual(asked, [{}, { "x-reconnect-id": "s", "x-resume-token": "one" }])
      for (const frame of wires[0]!.frames.slice(1)) wires[1]!.bring(frame)
      wires[1]!.echo()
      assert.deepStrictEqual(tally.counts, { sent: 4, delivered: 3, lost: 0, cutOff: 0, duplicated: 0, outOfOrder: 0 })
      assert.deepStrictEqual([doubts.uncertain, doubts.reconnects], [3, 1])
      wires[1]!.end(vanished)
      yield* TestClock.adjust("250 millis")
      assert.deepStrictEqual(asked[2], { "x-reconnect-id": "s", "x-resume-token": "two" })
    }),
  )

  it.effect("begins another session when its own is over, and what was out is lost", () =>
    Effect.gen(function* () {
      const answers = [ticket("s", "one"), 503, 404, ticket("t", "two")]
      const { asked, tally, wires } = yield* counting({ answers })
      yield* TestClock.adjust("200 millis")
      wires[0]!.end(vanished)
      yield* TestClock.adjust("750 millis")
      const resuming = { "x-reconnect-id": "s", "x-resume-token": "one" }
      assert.deepStrictEqual(asked, [{}, resuming, resuming, {}])
      wires[1]!.echo()
      assert.deepStrictEqual(tally.counts, { sent: 4, delivered: 1, lost: 3, cutOff: 0, duplicated: 0, outOfOrder: 0 })
      wires[1]!.end({ code: 1012, reason: "", clean: true })
      yield* TestClock.adjust("250 millis")
      assert.deepStrictEqual(asked[4], {})
    }),
  )
})
