import { assert, describe, it } from "@effect/vitest"
import { Backoff, Breaker, Events, RetryBudget } from "@holdfast/core"
import { Clock, Duration, Effect, Exit, Fiber, Metric, Schedule, Scope } from "effect"
import { TestClock } from "effect/testing"
import { fresh } from "./metrics.ts"

const times = <A>(n: number, f: () => A): ReadonlyArray<A> => Array.from({ length: n }, f)

/** How many may be taken at once. */
const taken = (budget: RetryBudget.RetryBudget) => {
  let count = 0
  while (budget.take()) count++
  return count
}

describe("a retry budget", () => {
  it.effect("allows a share of the calls, and what is always allowed", () =>
    Effect.gen(function* () {
      for (const [options, calls, expected] of [
        [{}, 0, 30],
        [{}, 100, 50],
        [{ min: 0 }, 100, 20],
        [{ min: 0 }, 5, 1],
        [{ min: 0 }, 4, 0],
        [{ ratio: 0.29, min: 0 }, 100, 29],
        [{ ratio: 0, min: 0.1 }, 1000, 1],
        [{ ratio: 0, min: 1, window: "1 minute" }, 0, 60],
        [{ ratio: 1, min: 0 }, 7, 7],
      ] as const) {
        const budget = yield* RetryBudget.make({ name: "db", ...options })
        times(calls, budget.count)
        assert.strictEqual(budget.left(), expected)
        assert.deepStrictEqual([taken(budget), budget.left()], [expected, 0])
      }
    }),
  )

  it.effect("forgets calls and retries that are older than the window", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make({ name: "db", min: 0 })
      times(100, budget.count)
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(taken(budget), 20)
      times(50, budget.count)
      assert.strictEqual(taken(budget), 10)
      yield* TestClock.adjust("1 second")
      // The hundred are gone, their twenty not yet.
      assert.strictEqual(budget.left(), -20)
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(budget.left(), 0)
    }),
  )

  it.effect("retries while the schedule and the budget both allow, then fails with the last error", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make({ name: "db", ratio: 0, min: 0.4 })
      for (const [limit, calls] of [
        [1, 2],
        [10, 4],
        [10, 1],
      ] as const) {
        let made = 0
        const call = Effect.suspend(() => Effect.fail(++made))
        assert.strictEqual(yield* Effect.flip(budget.retry(call, Schedule.recurs(limit))), calls)
      }
    }),
  )

  it.effect("does not take out what the schedule does not want", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make({ name: "db", ratio: 0, min: 0.4 })
      yield* Effect.ignore(budget.retry(Effect.fail("bad"), Schedule.recurs(0)))
      yield* budget.retry(Effect.succeed("ok"), Schedule.recurs(3))
      assert.strictEqual(budget.left(), 4)
    }),
  )

  it.effect("an outage is answered with a fifth more calls, not with four times as many", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make({ name: "db", min: 0 })
      let made = 0
      const call = Effect.suspend(() => Effect.fail(++made))
      for (let second = 0; second < 100; second++) {
        for (let n = 0; n < 20; n++) yield* Effect.ignore(budget.retry(call, Schedule.recurs(3)))
        yield* TestClock.adjust("1 second")
      }
      assert.isAtMost(made, 2000 * 1.2)
      assert.isAtLeast(made, 2000 * 1.15)
    }),
  )

  it.effect("waits as long as the error asks, if that is longer", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make({ name: "db" })
      const breaker = yield* Breaker.make({ name: "db", rules: [Breaker.consecutive(1)], openFor: "7 seconds" })
      yield* Effect.ignore(breaker.protect(Effect.fail("bad")))
      const cases: ReadonlyArray<readonly [Effect.Effect<void, unknown>, number]> = [
        [breaker.protect(Effect.void), 7000],
        [Effect.fail({ retryAfter: Duration.seconds(3) }), 3000],
        [Effect.fail({ retryAfter: Duration.millis(1) }), 1000],
        [Effect.fail({ retryAfter: "soon" }), 1000],
        [Effect.fail("plain"), 1000],
      ]
      for (const [call, delay] of cases) {
        const starts: Array<number> = []
        const timed = Effect.andThen(
          Effect.map(Clock.currentTimeMillis, (now) => void starts.push(now)),
          call,
        )
        const schedule = Backoff.grpc({ jitter: 0 }).pipe(Schedule.upTo({ times: 1 }))
        const fiber = yield* Effect.forkChild(Effect.exit(budget.retry(timed, schedule)))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual([starts.length, starts[1]! - starts[0]!], [2, delay])
      }
    }),
  )

  it.effect("measures how often calls were tried and how long they waited, until its scope closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const budget = yield* Scope.provide(RetryBudget.make({ name: "db" }), scope)
      let made = 0
      const call = Effect.suspend(() => (++made % 3 === 0 ? Effect.succeed("ok") : Effect.fail("bad")))
      const fiber = yield* Effect.forkChild(budget.retry(call, Schedule.spaced("2 seconds")))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      yield* budget.retry(Effect.void, Schedule.spaced("2 seconds"))
      const waits = yield* Effect.forkChild(budget.retry(Effect.fail("bad"), Schedule.spaced("2 seconds")))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(waits)
      const shown = Effect.map(Metric.snapshot, (all) =>
        all.map(({ attributes, id, state }) => [id, attributes?.["op"], "sum" in state && [state.count, state.sum]]),
      )
      assert.deepStrictEqual(yield* shown, [
        ["holdfast_retry_delay_seconds", "db", [3, 6]],
        ["holdfast_retry_attempts", "db", [3, 5]],
      ])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* shown, [])
    }).pipe(fresh),
  )

  it.effect("counts what it did not allow by kind, and tells it at most once a second", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make({ name: "db", ratio: 0, min: 0.1 })
      const events = yield* Events.Events
      budget.take()
      for (const kind of ["retry", "retry", "hedge"] as const) assert.isFalse(budget.take(kind))
      yield* TestClock.adjust("1 second")
      budget.take()
      assert.deepStrictEqual(
        (yield* Metric.snapshot).map(({ attributes, id, state }) => [
          id,
          attributes?.["op"],
          attributes?.["kind"],
          state,
        ]),
        [
          ["holdfast_budget_exhausted_total", "db", "retry", { count: 3, incremental: true }],
          ["holdfast_budget_exhausted_total", "db", "hedge", { count: 1, incremental: true }],
        ],
      )
      assert.deepStrictEqual(
        events.history().map(({ event }) => ("kind" in event ? [event.at, event.kind] : [])),
        [
          [0, "retry"],
          [0, "hedge"],
          [1000, "retry"],
        ],
      )
    }).pipe(Effect.provide(Events.layer()), fresh),
  )
})
