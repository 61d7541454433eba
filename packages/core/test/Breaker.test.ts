import { assert, describe, it } from "@effect/vitest"
import { Backoff, Breaker } from "@holdfast/core"
import { Clock, Deferred, Duration, Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"

const ok = Effect.succeed("ok")
const bad = Effect.fail("bad")

const fail = (breaker: Breaker.Breaker, times = 1) =>
  Effect.repeat(Effect.ignore(breaker.protect(bad)), { times: times - 1 })

/** When the breaker says to come again, in milliseconds. */
const retryAfter = (breaker: Breaker.Breaker) =>
  Effect.map(Effect.flip(breaker.protect(ok)), (error) => Duration.toMillis(error.reason.retryAfter))

const steps = (breaker: Breaker.Breaker) => breaker.history().map(({ from, reason, to }) => `${from} ${to} ${reason}`)

/** Calls that end when told. */
const pending = Effect.gen(function* () {
  const end = yield* Deferred.make<string, string>()
  return { call: Deferred.await(end), succeed: Deferred.succeed(end, "late"), fail: Deferred.fail(end, "late") }
})

const fork = <A, E>(call: Effect.Effect<A, E>) => Effect.forkChild(Effect.exit(call), { startImmediately: true })

/** Opens at the first failure, for ten seconds. */
const touchy = (options?: Partial<Breaker.Options>) =>
  Breaker.make({ name: "db", rules: [Breaker.consecutive(1)], openFor: "10 seconds", ...options })

/** One whose time is over. */
const due = (options?: Partial<Breaker.Options>) =>
  Effect.gen(function* () {
    const breaker = yield* touchy(options)
    yield* fail(breaker)
    yield* TestClock.adjust("10 seconds")
    return breaker
  })

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
      const breaker = yield* touchy()
      yield* fail(breaker)
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* retryAfter(breaker), 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(breaker.state(), "Open")
      assert.strictEqual(yield* breaker.protect(ok), "ok")
      assert.deepStrictEqual(steps(breaker), [
        "Closed Open consecutive",
        "Open HalfOpen elapsed",
        "HalfOpen Closed probe_succeeded",
      ])
    }),
  )

  it.effect("stays open longer each time, and from the last delay of a schedule that ends on as long as that", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy({ openFor: Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 3 })) })
      const delays: Array<number> = []
      for (let opening = 0; opening < 5; opening++) {
        yield* fail(breaker)
        delays.push(yield* retryAfter(breaker))
        yield* TestClock.adjust(delays.at(-1)!)
      }
      assert.deepStrictEqual(delays, [1000, 2000, 4000, 4000, 4000])
    }),
  )

  it.effect("forgets its openings after it was closed for as long as it was last open", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy({ openFor: Backoff.grpc({ baseDelay: "1 second", multiplier: 2, jitter: 0 }) })
      const openAgainAfter = (millis: number) =>
        Effect.gen(function* () {
          yield* breaker.protect(ok)
          yield* TestClock.adjust(millis)
          yield* fail(breaker)
          const delay = yield* retryAfter(breaker)
          yield* TestClock.adjust(delay)
          return delay
        })
      assert.deepStrictEqual(
        [
          yield* openAgainAfter(0),
          yield* openAgainAfter(999),
          yield* openAgainAfter(1999),
          yield* openAgainAfter(4000),
        ],
        [1000, 2000, 4000, 1000],
      )
    }),
  )

  it.effect("stays open as long as a failure asks, at least, and up to an hour", () =>
    Effect.gen(function* () {
      for (const [asked, stays] of [
        ["1 minute", 60_000],
        ["1 second", 10_000],
        ["1 day", 3_600_000],
      ] as const) {
        const breaker = yield* touchy({ classify: () => ({ retryAfter: asked }) })
        yield* fail(breaker)
        assert.strictEqual(yield* retryAfter(breaker), stays)
      }
    }),
  )

  it.effect("has not learned anything from a call that was interrupted", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy()
      yield* Fiber.interrupt(yield* fork(breaker.protect(Effect.never)))
      assert.strictEqual(breaker.state(), "Closed")
      yield* Effect.ignore(Effect.timeout(breaker.protect(Effect.never), 0))
      assert.strictEqual(breaker.state(), "Closed")
    }).pipe(TestClock.withLive),
  )

  it.effect("gives the place of a probe that was interrupted to the next call", () =>
    Effect.gen(function* () {
      const breaker = yield* due()
      const probe = yield* fork(breaker.protect(Effect.never))
      assert.strictEqual(yield* retryAfter(breaker), 10_000)
      yield* Fiber.interrupt(probe)
      assert.strictEqual(breaker.state(), "HalfOpen")
      assert.strictEqual(yield* breaker.protect(ok), "ok")
    }),
  )

  it.effect("does not mind results of calls that began before it last changed", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy({ rules: [Breaker.consecutive(2)] })
      const [one, two, three] = [yield* pending, yield* pending, yield* pending]
      for (const { call } of [one, two, three]) yield* fork(breaker.protect(call))
      yield* fail(breaker, 2)
      yield* one.succeed
      assert.strictEqual(breaker.state(), "Open")
      yield* TestClock.adjust("10 seconds")
      yield* breaker.protect(ok)
      yield* two.fail
      yield* three.fail
      assert.strictEqual(breaker.state(), "Closed")
    }),
  )

  it.effect("counts a probe as failed that does not come back, from when its time was over", () =>
    Effect.gen(function* () {
      const breaker = yield* due({ probeTimeout: "3 seconds" })
      const hung = yield* pending
      const answer = yield* fork(breaker.protect(hung.call))
      yield* TestClock.adjust("2999 millis")
      assert.strictEqual(yield* retryAfter(breaker), 1)
      yield* TestClock.adjust("2 seconds")
      // Of the ten seconds since three, two have passed.
      assert.strictEqual(yield* retryAfter(breaker), 8001)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* breaker.protect(ok), "ok")
      yield* hung.fail
      assert.deepStrictEqual(
        [yield* Fiber.join(answer), breaker.state(), steps(breaker).slice(2)],
        [
          Exit.fail("late"),
          "Closed",
          ["HalfOpen Open probe_timeout", "Open HalfOpen elapsed", "HalfOpen Closed probe_succeeded"],
        ],
      )
    }),
  )

  it.effect("that is not called does nothing, however long", () =>
    Effect.gen(function* () {
      const breaker = yield* due({ probeTimeout: "3 seconds" })
      yield* fork(breaker.protect(Effect.never))
      yield* TestClock.adjust("10 days")
      assert.strictEqual(breaker.state(), "HalfOpen")
      assert.strictEqual(yield* breaker.protect(ok), "ok")
    }),
  )

  it.effect("looks at a call anew each time it is run", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy()
      const call = breaker.protect(ok)
      assert.strictEqual(yield* call, "ok")
      yield* fail(breaker)
      assert.strictEqual((yield* Effect.flip(call)).reason._tag, "Open")
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([yield* call, yield* call], ["ok", "ok"])
    }),
  )

  it.effect("hands on values, failures and defects as they are", () =>
    Effect.gen(function* () {
      const breaker = yield* Breaker.make({ name: "db" })
      const calls = [Effect.succeed(1), Effect.fail("f"), Effect.die("d")]
      for (const call of calls) {
        const [with_, without] = [yield* Effect.exit(breaker.protect(call)), yield* Effect.exit(call)]
        assert.deepStrictEqual(with_, without)
      }
    }),
  )

  it.effect("does not care how the system's clock is set", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const [day, set] = [86_400_000, { by: 0 }]
      const jumping: Clock.Clock = {
        ...clock,
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + set.by,
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
      }
      const breaker = yield* Effect.provideService(touchy(), Clock.Clock, jumping)
      yield* fail(breaker)
      for (set.by of [day, -day]) assert.strictEqual(yield* retryAfter(breaker), 10_000)
    }),
  )
})

describe("callers beyond the probes", () => {
  const waiting = (options?: Partial<Breaker.Options>) => due({ onFull: "wait", ...options })

  it.effect("who wait go on when it closes, at once", () =>
    Effect.gen(function* () {
      const breaker = yield* waiting()
      const probe = yield* pending
      yield* fork(breaker.protect(probe.call))
      const others = [yield* fork(breaker.protect(ok)), yield* fork(breaker.protect(ok))]
      yield* probe.succeed
      assert.deepStrictEqual(yield* Fiber.joinAll(others), [Exit.succeed("ok"), Exit.succeed("ok")])
      assert.strictEqual(yield* Clock.currentTimeMillis, 10_000)
    }),
  )

  it.effect("who wait are refused when it opens, at once", () =>
    Effect.gen(function* () {
      const breaker = yield* waiting()
      const probe = yield* pending
      yield* fork(breaker.protect(probe.call))
      const other = yield* fork(Effect.flip(breaker.protect(ok)))
      yield* probe.fail
      const error = Exit.getSuccess(yield* Fiber.join(other))
      assert.strictEqual(error._tag === "Some" && error.value.reason._tag, "Open")
      assert.strictEqual(yield* Clock.currentTimeMillis, 10_000)
    }),
  )

  it.effect("who wait get the place of a probe that came to nothing, at once", () =>
    Effect.gen(function* () {
      const breaker = yield* waiting()
      const probe = yield* fork(breaker.protect(Effect.never))
      const other = yield* fork(breaker.protect(ok))
      yield* Fiber.interrupt(probe)
      assert.deepStrictEqual([yield* Fiber.join(other), breaker.state()], [Exit.succeed("ok"), "Closed"])
    }),
  )

  it.effect("who wait for a probe that does not come back hear of it when its time is over", () =>
    Effect.gen(function* () {
      const breaker = yield* waiting({ probeTimeout: "3 seconds" })
      yield* fork(breaker.protect(Effect.never))
      const other = yield* fork(breaker.protect(ok))
      yield* TestClock.adjust("3 seconds")
      const exit = yield* Fiber.join(other)
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(breaker.state(), "Open")
    }),
  )

  it.effect("who wait go on when somebody resets it, at once", () =>
    Effect.gen(function* () {
      const breaker = yield* waiting()
      yield* fork(breaker.protect(Effect.never))
      const other = yield* fork(breaker.protect(ok))
      yield* breaker.reset
      assert.deepStrictEqual(yield* Fiber.join(other), Exit.succeed("ok"))
    }),
  )

  it.effect("wait up to `maxWaiting`; who leaves makes room", () =>
    Effect.gen(function* () {
      const breaker = yield* waiting({ maxWaiting: 1 })
      yield* fork(breaker.protect(Effect.never))
      for (let turn = 0; turn < 3; turn++) {
        const first = yield* fork(breaker.protect(ok))
        assert.isUndefined(first.pollUnsafe())
        assert.strictEqual(yield* retryAfter(breaker), 10_000)
        yield* Fiber.interrupt(first)
      }
    }),
  )
})

describe("several probes", () => {
  for (const [probes, successRatio, bits, becomes] of [
    [3, 1, "11", "HalfOpen"],
    [3, 1, "111", "Closed"],
    [3, 1, "0", "Open"],
    [4, 0.5, "11", "Closed"],
    [4, 0.5, "001", "HalfOpen"],
    [4, 0.5, "000", "Open"],
    [3, 0.3, "001", "Closed"],
    [3, 0.5, "01", "HalfOpen"],
  ] as const) {
    it.effect(`${probes}, of which ${successRatio} must succeed: after ${bits} it is ${becomes}`, () =>
      Effect.gen(function* () {
        const breaker = yield* due({ probes, successRatio })
        for (const bit of bits) yield* Effect.ignore(breaker.protect(bit === "1" ? ok : bad))
        assert.strictEqual(breaker.state(), becomes)
      }),
    )
  }

  it.effect("are at most as many at a time", () =>
    Effect.gen(function* () {
      const breaker = yield* due({ probes: 2 })
      yield* fork(breaker.protect(Effect.never))
      yield* fork(breaker.protect(Effect.never))
      assert.strictEqual((yield* Effect.flip(breaker.protect(ok))).reason._tag, "Open")
    }),
  )
})

describe("rules", () => {
  const after = (rule: Breaker.Rule, outcomes: string) =>
    Effect.gen(function* () {
      const breaker = yield* touchy({ rules: [rule] })
      for (const what of outcomes) {
        if (what === " ") yield* TestClock.adjust("1 second")
        else yield* Effect.ignore(breaker.protect(what === "1" ? ok : bad))
      }
      return [breaker.state(), breaker.history()[0]?.why]
    })

  for (const [rule, outcomes, expected] of [
    [Breaker.countWindow({ ratio: 0.5, size: 4 }), "000", ["Closed", undefined]],
    [Breaker.countWindow({ ratio: 0.5, size: 4 }), "1010", ["Open", "2 of the last 4 calls failed"]],
    [Breaker.countWindow({ ratio: 0.5, size: 4 }), "111010", ["Open", "2 of the last 4 calls failed"]],
    [Breaker.countWindow({ ratio: 0.5, size: 4 }), "11101", ["Closed", undefined]],
    [Breaker.countWindow({ ratio: 1, size: 10, minimum: 2 }), "00", ["Open", "2 of the last 2 calls failed"]],
    [
      Breaker.timeWindow({ ratio: 0.5, window: "10 seconds", minimum: 4 }),
      "1100",
      ["Open", "2 of 4 calls within 10s failed"],
    ],
    [Breaker.timeWindow({ ratio: 0.5, window: "10 seconds", minimum: 4 }), "00          00", ["Closed", undefined]],
    [
      Breaker.timeWindow({ ratio: 0.5, window: "10 seconds", minimum: 4 }),
      "00         00",
      ["Open", "4 of 4 calls within 10s failed"],
    ],
    [
      Breaker.timeWindow({ ratio: 1, window: "10 seconds", minimum: 2 }),
      "1          00",
      ["Open", "2 of 2 calls within 10s failed"],
    ],
  ] as const) {
    it.effect(`${rule._tag} with ${outcomes}: ${expected[0]}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* after(rule, outcomes), [...expected])
      }),
    )
  }

  it.effect("a success never opens, whatever the shares are", () =>
    Effect.gen(function* () {
      for (const rule of [
        Breaker.countWindow({ ratio: 0.5, size: 4, minimum: 4 }),
        Breaker.timeWindow({ ratio: 0.5, window: "1 hour", minimum: 4 }),
      ]) {
        assert.deepStrictEqual(yield* after(rule, "0011"), ["Closed", undefined])
        assert.strictEqual((yield* after(rule, "00110"))[0], "Open")
      }
    }),
  )

  it.effect("slow calls open, also when they succeed, and a slow probe has failed", () =>
    Effect.gen(function* () {
      const rule = Breaker.slowCalls({ ratio: 0.5, slowerThan: "1 second", window: "10 seconds", minimum: 4 })
      const breaker = yield* touchy({ rules: [rule] })
      const taking = (millis: number) =>
        Effect.gen(function* () {
          const fiber = yield* fork(breaker.protect(Effect.sleep(millis)))
          yield* TestClock.adjust(millis)
          return yield* Fiber.join(fiber)
        })
      for (const millis of [10, 1000, 1001]) yield* taking(millis)
      assert.strictEqual(breaker.state(), "Closed")
      yield* taking(1001)
      assert.deepStrictEqual(
        breaker.history().map(({ reason, why }) => [reason, why]),
        [["slow_calls", "2 of 4 calls within 10s took longer than 1s"]],
      )
      yield* TestClock.adjust("10 seconds")
      yield* taking(1001)
      yield* TestClock.adjust("10 seconds")
      yield* taking(1000)
      assert.deepStrictEqual(steps(breaker).slice(1), [
        "Open HalfOpen elapsed",
        "HalfOpen Open probe_failed",
        "Open HalfOpen elapsed",
        "HalfOpen Closed probe_succeeded",
      ])
    }),
  )

  it.effect("any of them opens", () =>
    Effect.gen(function* () {
      const rules = [Breaker.consecutive(3), Breaker.countWindow({ ratio: 0.5, size: 4 })]
      for (const [outcomes, reason] of [
        ["1000", "consecutive"],
        ["0101 0", "count_window"],
      ] as const) {
        const breaker = yield* touchy({ rules })
        for (const bit of outcomes) if (bit !== " ") yield* Effect.ignore(breaker.protect(bit === "1" ? ok : bad))
        assert.strictEqual(breaker.history()[0]?.reason, reason)
      }
    }),
  )
})

describe("by hand", () => {
  it.effect("`isolate` holds it open while any scope does, and then it goes on where it was", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy()
      const [one, two] = [yield* Scope.make(), yield* Scope.make()]
      yield* Scope.provide(breaker.isolate("upgrade"), one)
      yield* Scope.provide(breaker.isolate("other"), two)
      const error = yield* Effect.flip(breaker.protect(ok))
      assert.deepStrictEqual(
        [error.reason._tag, error.message],
        ["Isolated", "db is isolated (upgrade); it is called again when that is over"],
      )
      yield* Scope.close(one, Exit.void)
      assert.strictEqual((yield* Effect.flip(breaker.protect(ok))).message.includes("(other)"), true)
      yield* Scope.close(two, Exit.void)
      assert.strictEqual(yield* breaker.protect(ok), "ok")
      yield* fail(breaker)
      yield* TestClock.adjust("4 seconds")
      yield* Effect.scoped(breaker.isolate("again"))
      assert.strictEqual(yield* retryAfter(breaker), 6000)
      assert.deepStrictEqual(steps(breaker), [
        "Closed Isolated isolated",
        "Isolated Closed released",
        "Closed Open consecutive",
        "Open Isolated isolated",
        "Isolated Open released",
      ])
    }),
  )

  it.effect("`isolate` forgets what was counted, and what was under way", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy({ rules: [Breaker.consecutive(2)] })
      const before = yield* pending
      yield* fork(breaker.protect(before.call))
      yield* fail(breaker)
      yield* Effect.scoped(breaker.isolate("upgrade"))
      yield* before.fail
      yield* fail(breaker)
      assert.strictEqual(breaker.state(), "Closed")
    }),
  )

  it.effect("`forceOpen` opens like a rule; again it does nothing", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy({ openFor: Backoff.grpc({ baseDelay: "1 second", jitter: 0, multiplier: 2 }) })
      yield* breaker.forceOpen("drill")
      yield* breaker.forceOpen("drill")
      assert.deepStrictEqual(breaker.history(), [{ at: 0, from: "Closed", to: "Open", reason: "forced", why: "drill" }])
      yield* TestClock.adjust("1 second")
      yield* fail(breaker)
      assert.strictEqual(yield* retryAfter(breaker), 2000)
    }),
  )

  it.effect("`probe` ends an opening and closes nothing", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy()
      yield* breaker.probe
      assert.strictEqual(breaker.state(), "Closed")
      yield* fail(breaker)
      yield* breaker.probe
      yield* breaker.probe
      assert.strictEqual(breaker.state(), "HalfOpen")
      yield* fail(breaker)
      assert.strictEqual(breaker.state(), "Open")
      yield* Effect.scoped(Effect.andThen(breaker.isolate("x"), breaker.probe))
      assert.deepStrictEqual([breaker.state(), yield* breaker.protect(ok)], ["Open", "ok"])
    }),
  )

  it.effect("`reset` closes and forgets, counts and openings too, but lets holds hold", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy({
        rules: [Breaker.consecutive(2)],
        openFor: Backoff.grpc({ baseDelay: "1 second", jitter: 0, multiplier: 2 }),
      })
      for (let turn = 0; turn < 2; turn++) {
        yield* fail(breaker)
        yield* breaker.reset
        yield* fail(breaker)
        assert.strictEqual(breaker.state(), "Closed")
        yield* fail(breaker)
        assert.strictEqual(yield* retryAfter(breaker), 1000)
        yield* breaker.reset
      }
      yield* fail(breaker, 2)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* breaker.isolate("x")
          yield* breaker.reset
          assert.strictEqual(breaker.state(), "Isolated")
        }),
      )
      assert.strictEqual(breaker.state(), "Closed")
    }),
  )
})

describe("what a call says", () => {
  it.effect("is for `classify` to decide; ignored calls count for nothing", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy({
        classify: (exit) => (Exit.isSuccess(exit) ? (exit.value === 503 ? "Failure" : "Success") : "Ignored"),
      })
      yield* fail(breaker)
      assert.strictEqual(breaker.state(), "Closed")
      assert.strictEqual(yield* breaker.protect(Effect.succeed(503)), 503)
      assert.strictEqual(breaker.state(), "Open")
      yield* TestClock.adjust("10 seconds")
      yield* fail(breaker)
      assert.strictEqual(breaker.state(), "HalfOpen")
    }),
  )

  it.effect("with `failureIf`, other errors are answers", () =>
    Effect.gen(function* () {
      const breaker = yield* due({ classify: Breaker.failureIf((error) => error !== 404) })
      yield* Effect.ignore(breaker.protect(Effect.fail(404)))
      assert.strictEqual(breaker.state(), "Closed")
      yield* Effect.ignore(breaker.protect(Effect.fail(500)))
      assert.strictEqual(breaker.state(), "Open")
    }),
  )

  it.effect("a `classify` that throws is a defect of the call, and wedges nothing", () =>
    Effect.gen(function* () {
      let broken = false
      const breaker = yield* touchy({
        classify: (exit) => {
          if (broken) throw new Error("bug")
          return Exit.isSuccess(exit) ? "Success" : "Failure"
        },
      })
      yield* fail(breaker)
      yield* TestClock.adjust("10 seconds")
      broken = true
      assert.isTrue(Exit.hasDies(yield* Effect.exit(breaker.protect(ok))))
      broken = false
      assert.strictEqual(yield* breaker.protect(ok), "ok")
      broken = true
      assert.isTrue(Exit.hasDies(yield* Effect.exit(breaker.protect(ok))))
    }),
  )
})

describe("what a breaker tells", () => {
  it.effect("its refusals are errors without a stack, one for all of a millisecond", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy()
      yield* fail(breaker)
      const [one, two] = [yield* Effect.flip(breaker.protect(ok)), yield* Effect.flip(breaker.protect(ok))]
      yield* TestClock.adjust(1)
      const three = yield* Effect.flip(breaker.protect(ok))
      assert.deepStrictEqual(
        [one instanceof Error, one.stack, one === two, one === three, Duration.toMillis(three.reason.retryAfter)],
        [true, "BreakerError: db failed too often and is not called now; try again in 10s", true, false, 9999],
      )
      const told = breaker
        .protect(ok)
        .pipe(Effect.catchReason("BreakerError", "Open", (reason) => Effect.succeed(reason.breaker)))
      assert.strictEqual(yield* told, "db")
    }),
  )

  it.effect("its history is the last 64 changes", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy()
      for (let turn = 0; turn < 50; turn++) {
        yield* breaker.forceOpen(`drill ${turn}`)
        yield* breaker.reset
      }
      const history = breaker.history()
      assert.deepStrictEqual([history.length, history[0]?.why, history.at(-1)?.to], [64, "drill 18", "Closed"])
    }),
  )

  it.effect("its changes start with the state and end with its scope", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const breaker = yield* Scope.provide(touchy(), scope)
      const seen: Array<unknown> = []
      const reader = yield* Effect.forkChild(
        Stream.runForEach(Breaker.changes(breaker), (change) => Effect.sync(() => seen.push(change))),
        { startImmediately: true },
      )
      yield* fail(breaker)
      yield* TestClock.adjust("10 seconds")
      yield* breaker.protect(ok)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(seen, ["Closed", "Open", "HalfOpen", "Closed"])
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(reader)
    }),
  )

  it.effect("a slow reader of changes gets `Lagged`", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy()
      const pull = yield* breaker.subscribe
      for (let turn = 0; turn < 40; turn++) {
        yield* breaker.forceOpen("drill")
        yield* breaker.reset
      }
      const [first] = yield* pull
      assert.deepStrictEqual(first, { _tag: "Lagged", missed: 64, now: "Closed" })
    }),
  )
})
