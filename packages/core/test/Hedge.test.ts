import { assert, describe, it } from "@effect/vitest"
import { Hedge, RetryBudget } from "@holdfast/core"
import { Sim } from "@holdfast/testing"
import { Clock, Effect, Exit, Fiber, Metric, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import { fresh } from "./metrics.ts"

/** Copies of one call: each takes as long as it is told, and ends as it is told. */
const copies = (plan: ReadonlyArray<readonly [millis: number, end: Effect.Effect<string, string>]>) => {
  const log: Array<string> = []
  let made = 0
  const call = Effect.suspend(() => {
    const copy = made++
    const [millis, end] = plan[copy]!
    return Effect.andThen(Effect.sleep(millis), end).pipe(
      Effect.onInterrupt(() =>
        Effect.map(Clock.currentTimeMillis, (now) => void log.push(`${copy} interrupted @${now}`)),
      ),
    )
  })
  return { call, log, made: () => made }
}

const a = Effect.succeed("a")
const b = Effect.succeed("b")

/** The answer and when it came. */
const answer = (hedge: Hedge.Hedge, call: Effect.Effect<string, string>) =>
  Effect.gen(function* () {
    const ended = Effect.flatMap(Effect.exit(hedge.protect(call)), (exit) =>
      Effect.map(Clock.currentTimeMillis, (now) => [exit, now] as const),
    )
    const fiber = yield* Effect.forkChild(ended)
    yield* TestClock.adjust("1 minute")
    return yield* Fiber.join(fiber)
  })

describe("a hedge", () => {
  const cases = [
    ["the first copy answers in time: there is no other", [[99, a]], "a", 99, 1, []],
    [
      "it is slow: the second one answers",
      [
        [500, a],
        [50, b],
      ],
      "b",
      150,
      2,
      ["0 interrupted @150"],
    ],
    [
      "it is slow, and still faster",
      [
        [150, a],
        [100, b],
      ],
      "a",
      150,
      2,
      ["1 interrupted @150"],
    ],
    ["it fails before there is another: so does the call", [[50, Effect.fail("bad")]], Exit.fail("bad"), 50, 1, []],
    [
      "it fails after: the other one answers",
      [
        [150, Effect.fail("bad")],
        [100, b],
      ],
      "b",
      200,
      2,
      [],
    ],
    [
      "the second one fails: the first answers",
      [
        [500, a],
        [50, Effect.fail("bad")],
      ],
      "a",
      500,
      2,
      [],
    ],
    [
      "both fail: as the first did",
      [
        [200, Effect.fail("one")],
        [50, Effect.fail("two")],
      ],
      Exit.fail("one"),
      200,
      2,
      [],
    ],
    [
      "one dies: the other one answers",
      [
        [500, a],
        [50, Effect.die("bug")],
      ],
      "a",
      500,
      2,
      [],
    ],
  ] as const
  for (const [name, plan, expected, at, made, log] of cases) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const hedge = yield* Hedge.make({ name: "db", delay: "100 millis" })
        const call = copies(plan)
        const [exit, now] = yield* answer(hedge, call.call)
        const wanted = typeof expected === "string" ? Exit.succeed(expected) : expected
        assert.deepStrictEqual([exit, now, call.made(), call.log], [wanted, at, made, [...log]])
      }),
    )
  }

  it.effect("makes up to `max` copies, one after the other", () =>
    Effect.gen(function* () {
      const hedge = yield* Hedge.make({ name: "db", delay: "100 millis", max: 3 })
      const call = copies([
        [900, a],
        [900, a],
        [900, a],
        [50, b],
      ])
      assert.deepStrictEqual(yield* answer(hedge, call.call), [Exit.succeed("b"), 350])
      assert.strictEqual(call.log.length, 3)
    }),
  )

  it.effect("with a delay of 0 asks twice at once", () =>
    Effect.gen(function* () {
      const hedge = yield* Hedge.make({ name: "db", delay: 0 })
      assert.deepStrictEqual(
        yield* answer(
          hedge,
          copies([
            [900, a],
            [50, b],
          ]).call,
        ),
        [Exit.succeed("b"), 50],
      )
    }),
  )

  it.effect("does not wait for a loser that is slow to stop, but its scope does", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const hedge = yield* Scope.provide(Hedge.make({ name: "db", delay: "100 millis" }), scope)
      let [copy, stopped] = [0, false]
      const slow = Effect.onInterrupt(Effect.never, () =>
        Effect.andThen(
          Effect.sleep("10 minutes"),
          Effect.sync(() => void (stopped = true)),
        ),
      )
      const call = Effect.suspend(() => (copy++ === 0 ? slow : Effect.succeed("b")))
      assert.deepStrictEqual(yield* answer(hedge, call), [Exit.succeed("b"), 100])
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual([stopped, closing.pollUnsafe()], [false, undefined])
      yield* TestClock.adjust("10 minutes")
      assert.isTrue(stopped)
    }),
  )

  it.effect("takes each copy out of the budget, and makes none when that is empty", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make({ name: "db", ratio: 0, min: 0.1 })
      const hedge = yield* Hedge.make({ name: "db", delay: "100 millis", budget })
      assert.deepStrictEqual(
        (yield* answer(
          hedge,
          copies([
            [500, a],
            [50, b],
          ]).call,
        ))[0],
        Exit.succeed("b"),
      )
      budget.take()
      const start = yield* Clock.currentTimeMillis
      budget.take()
      const poor = yield* RetryBudget.make({ name: "db", ratio: 0, min: 0.1 })
      poor.take()
      const none = yield* Hedge.make({ name: "db", delay: "1 millis", budget: poor })
      const call = copies([[500, a]])
      assert.deepStrictEqual(yield* answer(none, call.call), [Exit.succeed("a"), start + 500])
      const counted = (yield* Metric.snapshot).flatMap(({ attributes, id, state }) =>
        id === "holdfast_hedges_total" && "count" in state ? [[attributes?.["result"], state.count]] : [],
      )
      assert.deepStrictEqual(counted, [
        ["won", 1],
        ["suppressed", 1],
      ])
    }).pipe(fresh),
  )

  it.effect("with a quantile, makes no copies before it has seen enough, then after what that share took", () =>
    Effect.gen(function* () {
      const hedge = yield* Hedge.make({ name: "db", delay: { quantile: 0.95, minimum: 10 } })
      for (let n = 1; n <= 10; n++) {
        const [, now] = yield* answer(hedge, copies([[n * 100, a]]).call)
        assert.strictEqual(now % 60_000, n * 100)
      }
      const start = yield* Clock.currentTimeMillis
      const [exit, now] = yield* answer(
        hedge,
        copies([
          [5000, a],
          [50, b],
        ]).call,
      )
      assert.deepStrictEqual([exit, now - start], [Exit.succeed("b"), 1050])
    }),
  )

  it.effect("with a quantile, a copy that was cut off took as long as it ran", () =>
    Effect.gen(function* () {
      const hedge = yield* Hedge.make({ name: "db", delay: { quantile: 1, minimum: 1 } })
      yield* answer(hedge, copies([[100, a]]).call)
      const delays: Array<number> = []
      for (let turn = 0; turn < 3; turn++) {
        const start = yield* Clock.currentTimeMillis
        const [, now] = yield* answer(
          hedge,
          copies([
            [9000, a],
            [50, b],
          ]).call,
        )
        delays.push(now - start - 50)
      }
      assert.deepStrictEqual(delays, [100, 150, 200])
    }),
  )

  it.effect("makes calls without copies when its scope has closed, and ends those under way as it closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const hedge = yield* Scope.provide(Hedge.make({ name: "db", delay: "100 millis" }), scope)
      const underWay = yield* Effect.forkChild(Effect.exit(hedge.protect(Effect.never)))
      yield* TestClock.adjust("1 second")
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.join(underWay)))
      const { call, made } = copies([[500, a]])
      const [exit, at] = yield* answer(hedge, call)
      assert.deepStrictEqual([exit, at, made()], [Exit.succeed("a"), 1500, 1])
    }),
  )

  it.effect("ends a call whose scope closes just as its first copy is made", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const hedge = yield* Scope.provide(Hedge.make({ name: "db", delay: "100 millis" }), scope)
      const call = Effect.andThen(Scope.close(scope, Exit.void), Effect.never)
      const fiber = yield* Effect.forkChild(Effect.exit(hedge.protect(call)))
      yield* TestClock.adjust("1 second")
      assert.isDefined(fiber.pollUnsafe())
    }),
  )

  it.effect("counts its calls for the budget", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make({ name: "db", ratio: 0.5, min: 0 })
      const hedge = yield* Hedge.make({ name: "db", delay: "1 hour", budget })
      for (let n = 0; n < 4; n++) yield* hedge.protect(a)
      assert.strictEqual(budget.left(), 2)
    }),
  )

  it("in any order of the fibers: one answer, never later than the first copy alone, and nothing is left", () => {
    let [hedged, interrupted] = [0, 0]
    const program = Effect.gen(function* () {
      const hedge = yield* Hedge.make({ name: "db", delay: "100 millis", max: 2 })
      let [running, made, ended] = [0, 0, 0]
      const takes = yield* Effect.replicateEffect(Random.nextIntBetween(0, 5), 3)
      const fails = yield* Effect.replicateEffect(Random.nextBoolean, 3)
      const call = Effect.acquireUseRelease(
        Effect.sync(() => {
          running++
          return made++
        }),
        (copy) =>
          Effect.andThen(
            Effect.andThen(
              Effect.sleep(takes[copy]! * 100),
              Effect.sync(() => void ended++),
            ),
            fails[copy]! ? Effect.fail(copy) : Effect.succeed(copy),
          ),
        () => Effect.sync(() => void running--),
      )
      const stop = yield* Random.nextIntBetween(0, 12)
      const fiber = yield* Effect.forkChild(hedge.protect(call))
      yield* Effect.sleep(stop * 100)
      if (stop < 3) {
        interrupted++
        yield* Fiber.interrupt(fiber)
        // Who is interrupted takes its copies with it, unless there was an answer in the same moment.
        if (running > 0 && ended === 0) return yield* Effect.die(`${running} copies are left`)
      } else {
        const exit = yield* Fiber.await(fiber)
        if (made > 1) hedged++
        if (!fails[0] && !Exit.isSuccess(exit)) return yield* Effect.die("failed, though the first copy did not")
        if (Exit.hasFails(exit)) assert.deepStrictEqual(exit, Exit.fail(0))
        yield* Effect.sleep("1 second")
        if (running > 0) return yield* Effect.die(`${running} copies are left`)
      }
    })
    Sim.assert({ runs: 500, seed: 1, preempt: 0.3 }, program)
    assert.isAbove(Math.min(hedged, interrupted), 50)
  })

  it("in any order of the fibers: every call ends, whenever its scope closes", () => {
    let [answered, cut] = [0, 0]
    const program = Effect.gen(function* () {
      const scope = yield* Scope.make()
      const hedge = yield* Scope.provide(Hedge.make({ name: "db", delay: "100 millis", max: 2 }), scope)
      const call = Effect.exit(hedge.protect(Effect.sleep("1 hour")))
      const fibers = yield* Effect.forEach([0, 100, 200, 300], (at) => Effect.forkChild(Effect.delay(call, at)))
      yield* Effect.sleep((yield* Random.nextIntBetween(0, 5)) * 100)
      yield* Scope.close(scope, Exit.void)
      yield* Effect.sleep("2 hours")
      for (const fiber of fibers) {
        const ended = fiber.pollUnsafe()
        if (ended === undefined || Exit.isFailure(ended)) return yield* Effect.die("a call hangs")
        if (Exit.isSuccess(ended.value)) answered++
        else cut++
      }
    })
    Sim.assert({ runs: 300, seed: 2, preempt: 0.3, atMost: "1 day" }, program)
    assert.isAbove(Math.min(answered, cut), 50)
  })
})
