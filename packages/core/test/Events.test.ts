import { assert, describe, it } from "@effect/vitest"
import { Events, EventSchema, EventStream } from "@holdfast/core"
import { Effect, Fiber, Layer, Logger, Metric, References, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"

const event = (attempt: number): Events.Known => ({ _tag: "Connecting", at: 0, program: "p", target: "t", attempt })
const attempts = (entries: ReadonlyArray<Events.Entry>) =>
  entries.map(({ event, id }) => ("attempt" in event ? event.attempt : `${event._tag} before ${id + 1}`))

describe("Events", () => {
  it.effect("without a hub emitting does nothing", () =>
    Effect.gen(function* () {
      const events = yield* Events.Events
      events.emit(event(1))
      assert.deepStrictEqual(events.history(), [])
    }),
  )

  it.effect("numbers events from 1 and remembers the last ones", () =>
    Effect.gen(function* () {
      const events = yield* Events.Events
      for (let i = 1; i <= 5; i++) events.emit(event(i))
      assert.deepStrictEqual(
        events.history(),
        [3, 4, 5].map((id) => ({ id, event: event(id) })),
      )
      assert.deepStrictEqual(attempts(yield* events.after(4)), [5])
    }).pipe(Effect.provide(Events.layer({ capacity: 3 }))),
  )

  it.effect("remembers 1,024 events unless told", () =>
    Effect.gen(function* () {
      const events = yield* Events.Events
      for (let i = 1; i <= 2000; i++) events.emit(event(i))
      assert.strictEqual(events.history().length, 1024)
      assert.strictEqual(events.history()[0]!.id, 977)
    }).pipe(Effect.provide(Events.layer())),
  )

  it.effect("a reader waits for the next event", () =>
    Effect.gen(function* () {
      const events = yield* Events.Events
      const reader = yield* Effect.forkChild(events.after(0), { startImmediately: true })
      events.emit(event(1))
      assert.deepStrictEqual(attempts(yield* Fiber.join(reader)), [1])
    }).pipe(Effect.provide(Events.layer())),
  )

  it.effect("a reader that fell behind is told how many it missed", () =>
    Effect.gen(function* () {
      const events = yield* Events.Events
      for (let i = 1; i <= 9; i++) events.emit(event(i))
      const [lagged, ...rest] = yield* events.after(2)
      const told: Events.Known = { _tag: "Lagged", at: 0, program: "", target: "", missed: 4 }
      assert.deepStrictEqual(lagged!.event, told)
      assert.deepStrictEqual(attempts(rest), [7, 8, 9])
    }).pipe(Effect.provide(Events.layer({ capacity: 3 }))),
  )

  it.effect("a place from an earlier hub starts at the beginning", () =>
    Effect.gen(function* () {
      const events = yield* Events.Events
      events.emit(event(1))
      assert.deepStrictEqual(attempts(yield* events.after(77)), [1])
    }).pipe(Effect.provide(Events.layer())),
  )

  it.effect("updates the metrics of dials and losses", () =>
    Effect.gen(function* () {
      const { emit } = yield* Events.Events
      const at = { at: 0, program: "p", target: "t" }
      const known = (one: Events.Known) => emit(one)
      known({ _tag: "Connected", ...at, attempt: 1, tookMillis: 20, downMillis: null })
      known({
        _tag: "Failed",
        ...at,
        attempt: 2,
        tookMillis: 5,
        result: "dns",
        why: "no such host",
        retryInMillis: null,
      })
      known({ _tag: "Lost", ...at, reason: "goaway", why: "1001", upMillis: 1000 })
      emit({ _tag: "Mine", ...at })
      const counts = (yield* Metric.snapshot)
        .filter((metric) => metric.type === "Counter")
        .map(({ attributes, id, state }) => [id, attributes, state.count])
      assert.deepStrictEqual(counts, [
        ["holdfast_connection_attempts_total", { target: "t", result: "ok" }, 1],
        ["holdfast_connection_attempts_total", { target: "t", result: "dns" }, 1],
        ["holdfast_disconnections_total", { target: "t", reason: "goaway" }, 1],
      ])
    }).pipe(
      Effect.provide(Events.layer().pipe(Layer.provideMerge(Layer.sync(Metric.MetricRegistry, () => new Map())))),
    ),
  )
})

describe("Events.layerLog", () => {
  it.effect("writes at most a line a second for each kind and target, and the rest when it closes", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
        const { target, times } = fiber.getRef(References.CurrentLogAnnotations)
        lines.push(`${logLevel} ${String(message)} ${String(target)} ${String(times ?? 1)}`)
      })
      const at = { at: 0, program: "p" }
      const failed = (target: string, result: "refused" | "cancelled"): Events.Known => ({
        _tag: "Failed",
        ...at,
        target,
        attempt: 1,
        tookMillis: 0,
        result,
        why: "",
        retryInMillis: null,
      })
      yield* Effect.gen(function* () {
        const { emit } = yield* Events.Events
        yield* Effect.yieldNow
        for (let i = 0; i < 50; i++) emit(failed("a", "refused"))
        yield* TestClock.adjust(0)
        for (let i = 0; i < 9; i++) emit(failed("a", "refused"))
        emit(failed("a", "cancelled"))
        emit(failed("b", "refused"))
        yield* TestClock.adjust("999 millis")
        assert.deepStrictEqual(lines.splice(0), ["Warn Failed a 50"])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(lines.splice(0), ["Warn Failed a 9", "Debug Failed a 1", "Warn Failed b 1"])
        emit({ _tag: "Drained", ...at, target: "a", closed: 1, cut: 0 } as Events.Known)
      }).pipe(
        Effect.provide(
          Events.layerLog.pipe(
            Layer.provideMerge(Events.layer()),
            Layer.provideMerge(Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, "Debug"))),
          ),
        ),
      )
      assert.deepStrictEqual(lines, ["Info Drained a 1"])
    }),
  )
})

describe("EventStream", () => {
  it.effect("gives what is remembered, then what happens", () =>
    Effect.gen(function* () {
      const events = yield* Events.Events
      for (let i = 1; i <= 5; i++) events.emit(event(i))
      const reader = yield* EventStream.entries().pipe(
        Stream.take(5),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true }),
      )
      events.emit(event(6))
      events.emit(event(7))
      assert.deepStrictEqual(attempts(yield* Fiber.join(reader)), [3, 4, 5, 6, 7])
    }).pipe(Effect.provide(Events.layer({ capacity: 3 }))),
  )
})

describe("EventSchema", () => {
  it.effect("kinds of one's own are JSON like those of core", () =>
    Effect.gen(function* () {
      const Resumed = EventSchema.define("Resumed", { session: Schema.String })
      const resumed = Resumed.make({ at: 1, program: "p", target: "t", session: "s" })
      const events = yield* Events.Events
      events.emit(resumed)
      const [entry] = events.history()
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(Resumed)(entry!.event), resumed)
    }).pipe(Effect.provide(Events.layer())),
  )
})
