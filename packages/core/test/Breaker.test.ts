import { assert, describe, it } from "@effect/vitest"
import { Backoff, Breaker } from "@holdfast/core"
import { Clock, Duration, Effect, Exit, Fiber, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { bad, due, fail, fork, ok, pending, retryAfter, steps, touchy } from "./touchy.ts"

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
      const late = yield* fork(Effect.timeout(breaker.protect(Effect.never), "1 second"))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(late)))
      assert.strictEqual(breaker.state(), "Closed")
    }),
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
