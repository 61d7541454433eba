import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import { alarms } from "../src/internal/alarm.ts"

describe("an alarm", () => {
  it.effect("rings when its clock has got there, whatever the clock makes of fractions", () =>
    Effect.gen(function* () {
      const alarm = (yield* alarms)()
      const due = [1 / 3, 1 / 3 + 1e-7, 0.1 + 0.2, 2 / 3]
      const early: Array<number> = []
      let rung = 0
      const next = () => {
        const time = due[rung]
        if (time === undefined) return
        alarm.at(time, () => {
          if (alarm.now() < time) early.push(time)
          rung++
          next()
        })
      }
      next()
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual([rung, early], [due.length, []])
    }),
  )

  it.effect("never rings inside the call that set it, and not once it is off", () =>
    Effect.gen(function* () {
      const alarm = (yield* alarms)()
      let rung = 0
      alarm.at(alarm.now(), () => rung++)
      assert.strictEqual(rung, 0)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(rung, 1)
      alarm.at(alarm.now() + 1, () => rung++)
      alarm.off()
      yield* TestClock.adjust("1 second")
      assert.strictEqual(rung, 1)
    }),
  )

  it.effect("is off when its scope closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const alarm = (yield* Scope.provide(alarms, scope))()
      let rung = 0
      alarm.at(1, () => rung++)
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(rung, 0)
    }),
  )
})
