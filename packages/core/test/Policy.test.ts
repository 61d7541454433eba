import { assert, describe, it } from "@effect/vitest"
import { Breaker, BreakerMap, Bulkhead, Hedge, Outlier, Policy, PolicySchema, RetryBudget } from "@holdfast/core"
import { Cause, Duration, Effect, Exit, Fiber, Metric, Schedule, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import { fresh } from "./metrics.ts"

/** Writes down who is entered, in order. */
const traced = () => {
  const log: Array<string> = []
  const policy = (place: Policy.Place) =>
    Policy.make(place, (call) =>
      Effect.suspend(() => {
        log.push(place)
        return call
      }),
    )
  return { log, policy }
}

const places = ["bulkhead", "rate", "hedge", "retry", "breaker", "timeout", "chaos"] as const

describe("policies", () => {
  it.effect("apply in the documented order, however they are given", () =>
    Effect.gen(function* () {
      for (const given of [places, places.toReversed(), ["timeout", "bulkhead", "retry"] as const]) {
        const { log, policy } = traced()
        const composed = Policy.compose(...given.map(policy))
        assert.strictEqual(yield* composed.protect(Effect.succeed("ok")), "ok")
        const expected = places.filter((place) => given.includes(place as never))
        assert.deepStrictEqual([log, composed.parts.map(({ place }) => place)], [expected, expected])
      }
    }),
  )

  it.effect("may be composed of composed ones", () =>
    Effect.gen(function* () {
      const { log, policy } = traced()
      const inner = Policy.compose(policy("timeout"), policy("bulkhead"))
      yield* Policy.compose(policy("retry"), inner).protect(Effect.void)
      assert.deepStrictEqual(log, ["bulkhead", "retry", "timeout"])
    }),
  )

  it.effect("none leave a call as it is", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Policy.compose().protect(Effect.succeed("ok")), "ok")
    }),
  )

  it("two for one place and unknown places are refused by name", () => {
    const { policy } = traced()
    assert.throws(
      () => Policy.compose(policy("retry"), policy("rate"), policy("retry")),
      /two policies for the place "retry"/,
    )
    assert.throws(
      () => Policy.make("cache" as Policy.Place, (call) => call),
      /place must be one of bulkhead, .*, got cache/,
    )
    assert.throws(() => Policy.timeout(0), /timeout must be longer than 0/)
    assert.throws(() => Policy.compose(policy("retry"), {} as never), /policies\[1\] must be a Policy/)
  })

  it.effect("a retry waits for the breaker, a timeout is a failure to it, and both are within the bulkhead", () =>
    Effect.gen(function* () {
      const bulkhead = yield* Bulkhead.make({ name: "db", concurrent: 1 })
      const breaker = yield* Breaker.make({ name: "db", rules: [Breaker.consecutive(1)], openFor: "7 seconds" })
      const budget = yield* RetryBudget.make({ name: "db" })
      const policy = Policy.compose(
        Policy.timeout("1 second"),
        Policy.retry(budget, Schedule.recurs(2)),
        Policy.breaker(breaker),
        Policy.bulkhead(bulkhead),
      )
      const starts: Array<number> = []
      let attempts = 0
      const call = Effect.clockWith((clock) =>
        Effect.suspend(() => {
          starts.push(clock.currentTimeMillisUnsafe())
          return attempts++ === 0 ? Effect.never : Effect.succeed("ok")
        }),
      )
      const protectedCall = policy.protect(call)
      const typed: Effect.Effect<string, Cause.TimeoutError | Breaker.BreakerError | Bulkhead.BulkheadFull> =
        protectedCall
      const fiber = yield* Effect.forkChild(typed, { startImmediately: true })
      assert.deepStrictEqual(bulkhead.load(), { running: 1, waiting: 0 })
      assert.strictEqual((yield* Effect.flip(protectedCall))._tag, "BulkheadFull")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), "ok")
      // The timeout opened it; the first retry was refused and said when; the second was the probe.
      assert.deepStrictEqual(starts, [0, 8000])
      assert.deepStrictEqual(
        breaker.history().map(({ reason }) => reason),
        ["consecutive", "elapsed", "probe_succeeded"],
      )
    }),
  )

  it.effect("a hedge has its copies under the breaker, and interrupted ones do not count", () =>
    Effect.gen(function* () {
      const breaker = yield* Breaker.make({ name: "db", rules: [Breaker.consecutive(1)] })
      const hedge = yield* Hedge.make({ name: "db", delay: "100 millis" })
      const policy = Policy.compose(Policy.breaker(breaker), Policy.hedge(hedge))
      let copy = 0
      const call = Effect.suspend(() => (copy++ === 0 ? Effect.never : Effect.succeed("b")))
      const fiber = yield* Effect.forkChild(policy.protect(call))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* Fiber.join(fiber), breaker.state()], ["b", "Closed"])
    }),
  )

  it.effect("a hedge and the retries in it, of one budget, count a call once", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make({ name: "db", ratio: 0.2, min: 0 })
      const retry = Policy.retry(budget, Schedule.recurs(1))
      for (const delay of ["1 hour", { quantile: 0.95, minimum: 1000 }] as const) {
        const hedge = yield* Hedge.make({ name: "db", delay, budget })
        const policy = Policy.compose(Policy.hedge(hedge), retry)
        for (let call = 0; call < 50; call++) yield* policy.protect(Effect.void)
      }
      assert.strictEqual(budget.left(), 20)
      const other = yield* Hedge.make({ name: "other", delay: "1 hour" })
      for (let call = 0; call < 50; call++) yield* Policy.compose(Policy.hedge(other), retry).protect(Effect.void)
      assert.strictEqual(budget.left(), 30)
    }),
  )

  it.effect("leave no series behind, whoever calls after their scope closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const [breaker, breakers, budget, bulkhead, hedge, outlier] = yield* Scope.provide(
        Effect.all([
          Breaker.make({ name: "db", rules: [Breaker.consecutive(1)] }),
          BreakerMap.make<string>({ name: "dbs", rules: [Breaker.consecutive(1)] }),
          RetryBudget.make({ name: "db", ratio: 0, min: 1, window: "1 second" }),
          Bulkhead.make({ name: "db", concurrent: 1 }),
          Hedge.make({ name: "db", delay: 0 }),
          Outlier.make<string>({ name: "dbs", detectors: [Outlier.consecutive(1)] }),
        ]),
        scope,
      )
      yield* Scope.close(scope, Exit.void)
      const failure = Effect.fail("bad")
      outlier.report("a", false)
      yield* Effect.ignore(breaker.protect(failure))
      yield* Effect.ignore(breakers.protect("a", failure))
      yield* Effect.ignore(budget.retry(failure, Schedule.recurs(5)))
      yield* Effect.ignore(hedge.protect(failure))
      yield* bulkhead.protect(Effect.ignore(bulkhead.protect(failure)))
      assert.deepStrictEqual(yield* Metric.snapshot, [])
    }).pipe(fresh),
  )
})

describe("impossible options of any policy", () => {
  const { consecutive, countWindow, slowCalls, timeWindow } = Breaker
  const window = { ratio: 0.5, window: "10 seconds", minimum: 1 } as const
  const broken = { state: "Closed", openUntil: null, openings: 0, openForMillis: 0, windows: [[0]] } as const
  const breaker = (options: Partial<Breaker.Options>) => Breaker.make({ name: "db", ...options })
  const cases: ReadonlyArray<readonly [field: string, made: () => Effect.Effect<unknown, never, never>]> = [
    ["rules must be a list that is not empty", () => breaker({ rules: [] })],
    ["rules[0].n", () => breaker({ rules: [consecutive(0)] })],
    ["rules", () => breaker({ rules: Breaker.consecutive(1) as never })],
    ["rules[0]", () => breaker({ rules: [5 as never] })],
    ["classify", () => breaker({ classify: 5 as never })],
    ["successRatio", () => breaker({ successRatio: "0.5" as never })],
    ["name", () => breaker({ name: undefined as never })],
    ["name", () => Bulkhead.make({ name: "" })],
    ["name", () => RetryBudget.make({} as never)],
    ["name", () => Hedge.make({} as never)],
    ["name", () => Outlier.make({} as never)],
    ["name", () => BreakerMap.make({} as never)],
    ["detectors", () => Outlier.make({ name: "db", detectors: [] })],
    ["detectors", () => Outlier.make({ name: "db", detectors: Outlier.consecutive(1) as never })],
    ["detectors[0]", () => Outlier.make({ name: "db", detectors: [{} as never] })],
    ["rules[1].n", () => breaker({ rules: [consecutive(1), consecutive(1.5)] })],
    ["rules[0].ratio", () => breaker({ rules: [countWindow({ ratio: 0, size: 4 })] })],
    ["rules[0].ratio", () => breaker({ rules: [timeWindow({ ...window, ratio: 1.1 })] })],
    ["rules[0].size", () => breaker({ rules: [countWindow({ ratio: 0.5, size: 4, minimum: 5 })] })],
    ["rules[0].size", () => breaker({ rules: [countWindow({ ratio: 0.5, size: 1e6 })] })],
    ["rules[0].minimum", () => breaker({ rules: [timeWindow({ ...window, minimum: 0 })] })],
    ["rules[0].window", () => breaker({ rules: [timeWindow({ ...window, window: 5 })] })],
    [
      "timeWindow.window",
      () => Effect.suspend(() => breaker({ rules: [timeWindow({ ...window, window: "soon" as never })] })),
    ],
    ["slowCalls.slowerThan", () => Effect.suspend(() => breaker({ rules: [slowCalls({ ...window, slowerThan: 0 })] }))],
    ["probes", () => breaker({ probes: 0 })],
    ["successRatio", () => breaker({ successRatio: Number.NaN })],
    ["onFull", () => breaker({ onFull: "queue" as never })],
    ["maxWaiting", () => breaker({ maxWaiting: -1 })],
    ["probeTimeout", () => breaker({ probeTimeout: Infinity })],
    ["openFor", () => breaker({ openFor: "0 seconds" })],
    ["openFor", () => breaker({ openFor: Schedule.recurs(3) })],
    ["refresh", () => breaker({ store: Breaker.storeMemory(), refresh: Infinity })],
    ["restore.state", () => breaker({ restore: { ...broken, state: "Ajar" as never } })],
    ["restore.openings", () => breaker({ restore: { ...broken, openings: -1 } })],
    ["restore.openForMillis", () => breaker({ restore: { ...broken, openForMillis: Number.NaN } })],
    ["restore.openUntil", () => breaker({ restore: { ...broken, openUntil: "tomorrow" as never } })],
    ["restore.windows", () => breaker({ restore: {} as never })],
    ["restore.windows", () => breaker({ restore: { ...broken, windows: [] } })],
    ["restore.windows[0]", () => breaker({ restore: { ...broken, windows: [[9]] } })],
    [
      "restore.windows[0]",
      () => breaker({ rules: [countWindow({ ratio: 1, size: 2 })], restore: { ...broken, windows: [[0, 2]] } }),
    ],
    ["restore.windows[0]", () => breaker({ rules: [timeWindow(window)], restore: { ...broken, windows: [[0, 1]] } })],
    [
      "restore.windows[0]",
      () => breaker({ rules: [timeWindow(window)], restore: { ...broken, windows: [[0, 1, 2]] } }),
    ],
    ["concurrent", () => Bulkhead.make({ name: "db", concurrent: 0 })],
    ["queue", () => Bulkhead.make({ name: "db", queue: -1 })],
    ["maxWait", () => Bulkhead.make({ name: "db", maxWait: 0 })],
    ["ratio", () => RetryBudget.make({ name: "db", ratio: -1 })],
    ["min", () => RetryBudget.make({ name: "db", min: Number.NaN })],
    ["ratio and min", () => RetryBudget.make({ name: "db", ratio: 0, min: 0 })],
    ["window", () => RetryBudget.make({ name: "db", window: 0 })],
    ["max", () => Hedge.make({ name: "db", max: 0 })],
    ["delay.quantile", () => Hedge.make({ name: "db", delay: { quantile: 95, minimum: 1 } })],
    ["delay.minimum", () => Hedge.make({ name: "db", delay: { quantile: 0.95, minimum: 0 } })],
    ["delay", () => Hedge.make({ name: "db", delay: Infinity })],
  ].map(([field, made]) => [field as string, () => Effect.scoped((made as () => Effect.Effect<unknown>)())] as const)

  for (const [index, [field, made]] of cases.entries()) {
    it.effect(`are a defect that names ${field} (${index})`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Effect.suspend(made))
        assert.isTrue(Exit.hasDies(exit))
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.isTrue(error instanceof RangeError && error.message.startsWith(field), String(error))
      }),
    )
  }
})

describe("what a breaker knows", () => {
  const rules = [
    Breaker.consecutive(3),
    Breaker.countWindow({ ratio: 0.6, size: 5 }),
    Breaker.timeWindow({ ratio: 0.6, window: "10 seconds", minimum: 5 }),
  ]
  const make = (restore?: Breaker.Snapshot) => Breaker.make({ name: "db", rules, openFor: "10 seconds", restore })

  it.effect("goes through JSON and back, and on as if nothing had been", () =>
    Effect.gen(function* () {
      const first = yield* make()
      for (const ok of [true, false, true, false]) {
        yield* Effect.ignore(first.protect(ok ? Effect.void : Effect.fail("bad")))
        yield* TestClock.adjust("1 second")
      }
      const saved = Schema.decodeUnknownSync(PolicySchema.Snapshot)(JSON.parse(JSON.stringify(first.snapshot())))
      assert.deepStrictEqual(saved.windows, [[1], [0, 1, 0, 1], [4, 1, 0, 3, 1, 1, 2, 1, 0, 1, 1, 1]])
      const second = yield* make(saved)
      assert.deepStrictEqual(second.snapshot(), saved)
      for (const breaker of [first, second]) yield* Effect.ignore(breaker.protect(Effect.fail("bad")))
      assert.deepStrictEqual(
        [first, second].map((breaker) => breaker.history()[0]?.why),
        ["3 of the last 5 calls failed", "3 of the last 5 calls failed"],
      )
      yield* TestClock.adjust("4 seconds")
      const third = yield* make(first.snapshot())
      const error = yield* Effect.flip(third.protect(Effect.void))
      assert.strictEqual(Duration.toMillis(error.reason.retryAfter), 6000)
    }),
  )

  it.effect("half open is saved as open with its time over: cockatiel's way, who probed may be gone", () =>
    Effect.gen(function* () {
      const first = yield* make()
      yield* first.forceOpen("drill")
      yield* first.probe
      const second = yield* make(first.snapshot())
      assert.strictEqual(second.state(), "Open")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(second.protect(Effect.void))))
    }),
  )

  it.effect("does not stay open longer than it was meant to, whatever the clock of who saved it said", () =>
    Effect.gen(function* () {
      const first = yield* make()
      yield* first.forceOpen("drill")
      const second = yield* make({ ...first.snapshot(), openUntil: 1e12 })
      const error = yield* Effect.flip(second.protect(Effect.void))
      assert.strictEqual(Duration.toMillis(error.reason.retryAfter), 10_000)
    }),
  )

  it.effect("refusals have Schemas for wires", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      yield* breaker.forceOpen("drill")
      const error = yield* Effect.flip(breaker.protect(Effect.void))
      const wire = yield* Schema.encodeUnknownEffect(
        Schema.fromJsonString(Schema.toCodecJson(PolicySchema.BreakerError)),
      )(error)
      const back = yield* Schema.decodeUnknownEffect(
        Schema.fromJsonString(Schema.toCodecJson(PolicySchema.BreakerError)),
      )(wire)
      assert.deepStrictEqual(
        [back._tag, back.reason._tag, back.reason.breaker, Duration.toMillis(back.reason.retryAfter)],
        ["BreakerError", "Open", "db", 10_000],
      )
      const full = { ...new Bulkhead.BulkheadFull("db", 5) }
      assert.isTrue(Schema.is(PolicySchema.BulkheadFull)(full))
    }),
  )
})
