import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Wheel from "../src/internal/wheel.ts"

const wound = Effect.gen(function* () {
  const wheel = yield* Wheel.make
  const rung: Array<string> = []
  const call = (time: number, callback: () => void) => {
    const alarm = { ring: callback }
    const slot = wheel.at(time, alarm)
    return () => wheel.off(slot, alarm)
  }
  const at = (time: number, name = `${time}`) => call(time, () => void rung.push(`${name} at ${wheel.now()}`))
  yield* TestClock.adjust(0)
  return { wheel, rung, at, call }
})

describe("the wheel", () => {
  it.effect("calls back at the time, or within a tick after it, in the order of the times", () =>
    Effect.gen(function* () {
      const { at, rung } = yield* wound
      for (const time of [110, 100, 1, 26, 1000]) at(time)
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(rung, ["1 at 25", "26 at 50", "100 at 100", "110 at 125"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(rung.at(-1), "1000 at 1000")
    }),
  )

  it.effect("never asks what time it is: the system's clock may be set", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const asked = () => assert.fail("it asked for the time of day")
      const wheel = yield* Wheel.make.pipe(
        Effect.provideService(Clock.Clock, {
          currentTimeMillisUnsafe: asked,
          currentTimeMillis: Effect.sync(asked),
          currentTimeNanosUnsafe: asked,
          currentTimeNanos: Effect.sync(asked),
          monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
          monotonicTimeNanos: clock.monotonicTimeNanos,
          sleep: (duration) => clock.sleep(duration),
        }),
      )
      let rung = 0
      yield* TestClock.adjust(0)
      wheel.at(100, { ring: () => void rung++ })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(rung, 1)
    }),
  )

  it.effect("wakes up for one that is earlier than all before", () =>
    Effect.gen(function* () {
      const { at, rung } = yield* wound
      at(10_000)
      yield* TestClock.adjust("100 millis")
      at(200)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(rung, ["200 at 200"])
    }),
  )

  it.effect("calls back as soon as it can for a time that is past", () =>
    Effect.gen(function* () {
      const { at, rung } = yield* wound
      yield* TestClock.adjust("1 second")
      at(10)
      at(1000)
      yield* TestClock.adjust("25 millis")
      assert.deepStrictEqual(rung, ["10 at 1025", "1000 at 1025"])
    }),
  )

  it.effect("does not call back what was taken back, not even by another one of the same moment", () =>
    Effect.gen(function* () {
      const { at, call, rung } = yield* wound
      const early = at(100)
      early()
      const cancels = [at(200, "kept"), () => {}]
      call(210, () => cancels[1]!())
      cancels[1] = at(210, "cancelled")
      yield* TestClock.adjust("1 second")
      early()
      assert.deepStrictEqual(rung, ["kept at 200"])
    }),
  )

  it.effect("takes one back that another has replaced in the same moment, without harm to that", () =>
    Effect.gen(function* () {
      const { at, rung } = yield* wound
      const first = at(100, "first")
      first()
      at(100, "second")
      first()
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(rung, ["second at 100"])
    }),
  )

  it.effect("calls back, a tick later, what is set while it calls", () =>
    Effect.gen(function* () {
      const { at, call, rung, wheel } = yield* wound
      call(100, () => at(wheel.now(), "again"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(rung, ["again at 125"])
    }),
  )

  it.effect("goes on after a callback that throws, and says so", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const log = Logger.layer([Logger.make(({ message }) => logged.push(message))])
      yield* Effect.gen(function* () {
        const { at, call, rung } = yield* wound
        call(100, () => {
          throw new Error("a bug")
        })
        at(100, "same")
        at(200, "later")
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(rung, ["same at 100", "later at 200"])
      }).pipe(Effect.provide(log))
      assert.strictEqual(logged.length, 1)
      assert.include(`${logged[0]}`, "a deadline died")
    }),
  )

  it.effect("stops with its scope", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { at, rung } = yield* Scope.provide(wound, scope)
      at(100)
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(rung, [])
    }),
  )
})
