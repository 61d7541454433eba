import { assert, describe, it } from "@effect/vitest"
import { Backoff, Breaker } from "@holdfast/core"
import { Duration, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { bad, due, fail, fork, ok, pending, retryAfter, steps, touchy } from "./touchy.ts"

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
