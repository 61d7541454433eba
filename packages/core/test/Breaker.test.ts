import { assert, describe, it } from "@effect/vitest"
import { Breaker } from "@holdfast/core"
import { Cause, Clock, Deferred, Duration, Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"

const ok = Effect.succeed("ok")
const bad = Effect.fail("bad")

/** How many calls of several failed on their own, and were refused. */
const made = (breaker: Breaker.Breaker, call: Effect.Effect<unknown, unknown>) => Effect.exit(breaker.protect(call))

const fail = (breaker: Breaker.Breaker, times: number) =>
  Effect.repeat(Effect.ignore(breaker.protect(bad)), { times: times - 1 })

/** When the breaker says to come again, in milliseconds. */
const retryAfter = (breaker: Breaker.Breaker) =>
  Effect.map(Effect.flip(breaker.protect(ok)), (error) => Duration.toMillis(error.reason.retryAfter))

const steps = (breaker: Breaker.Breaker) => breaker.history().map(({ from, reason, to }) => `${from} ${to} ${reason}`)

describe("a breaker", () => {
  it.effect("opens after failures in a row, and says when to come again", () =>
    Effect.gen(function* () {
      const breaker = yield* Breaker.make({ name: "db", openFor: "10 seconds" })
      yield* fail(breaker, 4)
      yield* breaker.protect(ok)
      yield* fail(breaker, 4)
      assert.strictEqual(breaker.state(), "Closed")
      yield* fail(breaker, 1)
      assert.strictEqual(breaker.state(), "Open")
      yield* TestClock.adjust("4 seconds")
      const error = yield* Effect.flip(breaker.protect(ok))
      assert.deepStrictEqual(
        [error._tag, error.reason._tag, error.reason.breaker, Duration.toMillis(error.reason.retryAfter)],
        ["BreakerError", "Open", "db", 6000],
      )
      assert.strictEqual(error.message, "db failed too often and is not called now; try again in 6s")
      assert.deepStrictEqual(breaker.history(), [
        { at: 0, from: "Closed", to: "Open", reason: "consecutive", why: "5 failures in a row" },
      ])
    }),
  )

  it.effect("lets a probe through when its time is over, exactly then, and closes on its success", () =>
    Effect.gen(function* () {
      const breaker = yield* Breaker.make({ name: "db", rules: [Breaker.consecutive(1)], openFor: "10 seconds" })
      yield* fail(breaker, 1)
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* retryAfter(breaker), 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* breaker.protect(ok), "ok")
      assert.deepStrictEqual(steps(breaker), [
        "Closed Open consecutive",
        "Open HalfOpen elapsed",
        "HalfOpen Closed probe_succeeded",
      ])
    }),
  )
})
