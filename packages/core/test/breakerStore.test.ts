import { assert, describe, it } from "@effect/vitest"
import { Breaker } from "@holdfast/core"
import { Deferred, Duration, Effect, Fiber, Metric } from "effect"
import { TestClock } from "effect/testing"
import { fresh } from "./metrics.ts"

const ok = Effect.succeed("ok")
const bad = Effect.fail("bad")

const two = (options?: Partial<Breaker.Options>) => {
  const store = Breaker.storeMemory()
  const make = Breaker.make({
    name: "db",
    rules: [Breaker.consecutive(2)],
    openFor: "10 seconds",
    store,
    refresh: 0,
    ...options,
  })
  return Effect.all([make, make])
}

const states = (...breakers: ReadonlyArray<Breaker.Breaker>) => breakers.map((breaker) => breaker.state())

describe("two breakers that share a store", () => {
  it.effect("open together, and say the same time", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two()
      yield* b.protect(ok)
      yield* Effect.ignore(a.protect(bad))
      yield* Effect.ignore(a.protect(bad))
      yield* TestClock.adjust("4 seconds")
      const error = yield* Effect.flip(b.protect(ok))
      assert.deepStrictEqual(
        [error._tag, Duration.toMillis(error.reason.retryAfter), states(a, b)],
        ["BreakerError", 6000, ["Open", "Open"]],
      )
      assert.deepStrictEqual(
        b.history().map(({ reason, why }) => [reason, why]),
        [["shared", "another one of its name changed"]],
      )
    }),
  )

  it.effect("let one of them probe, and close together", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two()
      yield* a.forceOpen("test")
      yield* TestClock.adjust("10 seconds")
      const answer = yield* Deferred.make<string>()
      const probe = yield* Effect.forkChild(a.protect(Deferred.await(answer)), { startImmediately: true })
      const error = yield* Effect.flip(b.protect(ok))
      assert.deepStrictEqual([error._tag, Duration.toMillis(error.reason.retryAfter)], ["BreakerError", 10_000])
      yield* Deferred.succeed(answer, "well")
      assert.strictEqual(yield* Fiber.join(probe), "well")
      assert.strictEqual(yield* b.protect(ok), "ok")
      assert.deepStrictEqual(states(a, b), ["Closed", "Closed"])
    }),
  )

  it.effect("take over when the one that probes is gone", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two({ probeTimeout: "3 seconds" })
      yield* a.forceOpen("test")
      yield* TestClock.adjust("10 seconds")
      yield* Effect.forkChild(a.protect(Effect.never), { startImmediately: true })
      yield* Effect.flip(b.protect(ok))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* b.protect(ok), "ok")
      assert.strictEqual(b.state(), "Closed")
    }),
  )

  it.effect("do not probe on a claim that is over, though nothing was heard of another", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two({ probeTimeout: "3 seconds", refresh: "1 hour" })
      yield* a.forceOpen("test")
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.interrupt(yield* Effect.forkChild(a.protect(Effect.never), { startImmediately: true }))
      assert.strictEqual(a.state(), "HalfOpen")
      yield* TestClock.adjust("3 seconds")
      yield* Effect.forkChild(b.protect(Effect.never), { startImmediately: true })
      assert.strictEqual(b.state(), "HalfOpen")
      assert.strictEqual((yield* Effect.flip(a.protect(ok)))._tag, "BreakerError")
    }),
  )

  it.effect("probe once, when many come at the same time", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two()
      yield* a.forceOpen("test")
      yield* Effect.flip(b.protect(ok))
      yield* TestClock.adjust("10 seconds")
      let [now, most] = [0, 0]
      const call = Effect.gen(function* () {
        most = Math.max(most, ++now)
        yield* Effect.yieldNow
        now--
      })
      const all = [a, b, a, b, a, b].map((breaker) => Effect.exit(breaker.protect(call)))
      yield* Effect.all(all, { concurrency: "unbounded" })
      assert.deepStrictEqual([most, states(a)], [1, ["Closed"]])
    }),
  )

  it.effect("look no oftener than `refresh`", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two({ refresh: "5 seconds" })
      yield* b.protect(ok)
      yield* a.forceOpen("test")
      assert.strictEqual(yield* b.protect(ok), "ok")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Effect.flip(b.protect(ok)))._tag, "BreakerError")
    }),
  )

  it.effect("look once for all who come meanwhile, however slow the store is", () =>
    Effect.gen(function* () {
      let looks = 0
      const load = () =>
        Effect.suspend(() => {
          looks++
          return Effect.as(Effect.sleep("500 millis"), undefined)
        })
      const [breaker] = yield* two({ store: { load, save: () => Effect.succeed(true) } })
      const calls = Array.from({ length: 50 }, () => breaker.protect(ok))
      const first = yield* Effect.forkChild(breaker.protect(ok), { startImmediately: true })
      const others = yield* Effect.forkChild(Effect.all(calls, { concurrency: "unbounded" }))
      yield* TestClock.adjust("100 millis")
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual([others.pollUnsafe()?._tag, looks], ["Success", 2])
    }),
  )

  it.effect("learn of a reset, and keep their holds to themselves", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two()
      yield* a.forceOpen("test")
      yield* Effect.flip(b.protect(ok))
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* b.isolate("upgrade")
          yield* a.reset
          assert.strictEqual(yield* a.protect(ok), "ok")
          assert.strictEqual((yield* Effect.flip(b.protect(ok))).reason._tag, "Isolated")
        }),
      )
      assert.strictEqual(yield* b.protect(ok), "ok")
    }),
  )
})

describe("a store that gives no answer", () => {
  it.effect("or always says that somebody else was faster, wedges nothing", () =>
    Effect.gen(function* () {
      const memory = Breaker.storeMemory()
      const [breaker] = yield* two({ store: { load: memory.load, save: () => Effect.succeed(false) } })
      yield* breaker.forceOpen("drill")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* breaker.protect(ok), "ok")
    }),
  )

  it.effect("holds up a call for a second, and the calls after it not at all for a second more", () =>
    Effect.gen(function* () {
      let asked = 0
      const hang = Effect.suspend(() => {
        asked++
        return Effect.never
      })
      const [breaker] = yield* two({ store: { load: () => hang, save: () => hang }, rules: [Breaker.consecutive(1)] })
      const calls = Effect.repeat(Effect.exit(breaker.protect(bad)), { times: 99 })
      const fiber = yield* Effect.forkChild(calls)
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual([asked, breaker.state()], [1, "Open"])
    }),
  )

  it.effect("but nonsense is done without, and written over", () =>
    Effect.gen(function* () {
      const memory = Breaker.storeMemory()
      // as of a program that wrote times as texts
      const nonsense = { state: "Open", openUntil: "tomorrow", openings: 1, openForMillis: 1000, windows: [] } as never
      yield* memory.save("db", nonsense, 0n)
      const [breaker] = yield* two({ store: memory })
      assert.strictEqual(yield* breaker.protect(ok), "ok")
      yield* TestClock.adjust("1 second")
      yield* breaker.forceOpen("drill")
      assert.deepStrictEqual(
        [breaker.state(), (yield* memory.load("db"))?.snapshot],
        ["Open", { ...breaker.snapshot() }],
      )
    }),
  )

  it.effect("in the time that its caller gives it has not failed", () =>
    Effect.gen(function* () {
      let asked = 0
      const load = () =>
        Effect.suspend(() => {
          asked++
          return Effect.as(Effect.sleep("500 millis"), undefined)
        })
      const [breaker] = yield* two({ store: { load, save: () => Effect.succeed(true) } })
      for (let call = 0; call < 2; call++) {
        const fiber = yield* Effect.forkChild(Effect.exit(breaker.protect(ok)))
        yield* TestClock.adjust("100 millis")
        yield* Fiber.interrupt(fiber)
      }
      assert.strictEqual(asked, 2)
    }),
  )

  for (const [how, answer] of [
    ["hangs", Effect.never],
    ["fails", Effect.fail("away")],
    ["dies", Effect.die("bug")],
    ["throws", undefined],
  ] as const) {
    it.effect(`and ${how} is done without, and counted`, () =>
      Effect.gen(function* () {
        const answered = () => {
          if (answer === undefined) throw new Error("bug")
          return answer
        }
        const store: Breaker.Store = { load: answered, save: answered }
        const [breaker] = yield* two({ store, openFor: "5 seconds" })
        const steps = Effect.gen(function* () {
          yield* breaker.protect(ok)
          yield* Effect.ignore(breaker.protect(bad))
          yield* Effect.ignore(breaker.protect(bad))
          assert.strictEqual(breaker.state(), "Open")
          yield* Effect.sleep("6 seconds")
          return yield* breaker.protect(ok)
        })
        const fiber = yield* Effect.forkChild(steps)
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual(yield* Fiber.join(fiber), "ok")
        assert.strictEqual(breaker.state(), "Closed")
        const counted = (yield* Metric.snapshot).flatMap(({ id, state }) =>
          id === "holdfast_breaker_store_failures_total" && "count" in state ? [Number(state.count)] : [],
        )
        assert.isAbove(counted[0]!, 0)
      }).pipe(fresh),
    )
  }
})
