import * as Dialer from "@holdfast/websocket/Dialer"
import type { CloseInfo, Frame, Listener, Transport } from "@holdfast/websocket/Transport"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Counter from "../src/internal/counter.ts"
import { pretend } from "./pretend.ts"
import * as Logs from "../src/internal/logs.ts"

/** One connection of a network that answers when the test says so. */
class Wire {
  readonly frames: Array<Frame> = []
  readonly goodbyes: Array<number> = []
  full = false
  #listener: Listener | undefined
  readonly #ended = Deferred.makeUnsafe<CloseInfo>()

  readonly transport: Transport = {
    protocol: "",
    headers: {},
    listen: (listener) => void (this.#listener = listener),
    send: (frame) => {
      if (!this.full) this.frames.push(frame)
      return !this.full
    },
    unsentBytes: () => 0,
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

  drain(): void {
    this.full = false
    this.#listener?.writable()
  }

  end(info: CloseInfo): void {
    Deferred.doneUnsafe(this.#ended, Effect.succeed(info))
  }
}

const counting = Effect.gen(function* () {
  const wires: Array<Wire> = []
  const dial = () =>
    Effect.sync(() => {
      const wire = new Wire()
      wires.push(wire)
      return wire.transport
    })
  const { layer, written } = pretend()
  const logs = Layer.provide(Logs.layer({ "log-level": "info", "log-format": "pretty" }), layer)
  const counter = yield* Counter.make({ url: "ws://proxy", perSecond: 10 }).pipe(
    Effect.provideService(Dialer.Dialer, { dial }),
    Effect.provide(logs),
  )
  yield* TestClock.adjust(0)
  return { ...counter, wires, written }
})

describe("the counting client", () => {
  it.effect("sends numbers at its rate, and says goodbye when everything is back", () =>
    Effect.gen(function* () {
      const { finish, tally, wires } = yield* counting
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(wires[0]!.texts, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"])
      const finishing = yield* Effect.forkChild(finish)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(wires[0]!.goodbyes, [])
      wires[0]!.echo()
      yield* TestClock.adjust("10 millis")
      yield* Fiber.join(finishing)
      assert.deepStrictEqual(wires[0]!.goodbyes, [1000])
      assert.deepStrictEqual(tally.counts, { sent: 11, delivered: 11, lost: 0, duplicated: 0, outOfOrder: 0 })
    }),
  )

  it.effect("counts what was out on a connection that ended as lost, and dials again", () =>
    Effect.gen(function* () {
      const { tally, wires, written } = yield* counting
      yield* TestClock.adjust("200 millis")
      wires[0]!.echo()
      yield* TestClock.adjust("200 millis")
      wires[0]!.end({ code: 1012, reason: "proxy is shutting down", clean: true })
      yield* TestClock.adjust("250 millis")
      assert.deepStrictEqual(tally.counts, { sent: 6, delivered: 3, lost: 2, duplicated: 0, outOfOrder: 0 })
      assert.deepStrictEqual(wires.length, 2)
      assert.deepStrictEqual(wires[1]!.texts, ["6"])
      assert.include(written.err, `WARN  the client's connection ended {"code":1012,`)
    }),
  )

  it.effect("gives up what does not come back in time", () =>
    Effect.gen(function* () {
      const { finish, tally, wires } = yield* counting
      yield* TestClock.adjust("100 millis")
      const finishing = yield* Effect.forkChild(finish)
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(finishing)
      assert.deepStrictEqual(tally.counts, { sent: 2, delivered: 0, lost: 2, duplicated: 0, outOfOrder: 0 })
      assert.deepStrictEqual(wires[0]!.goodbyes, [1000])
    }),
  )

  it.effect("waits while its connection can take no more", () =>
    Effect.gen(function* () {
      const { tally, wires } = yield* counting
      wires[0]!.full = true
      yield* TestClock.adjust("1 second")
      assert.strictEqual(tally.counts.sent, 1)
      wires[0]!.drain()
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(tally.counts.sent, 12)
    }),
  )
})
