import { assert, describe, it } from "@effect/vitest"
import { Breaker, Bulkhead, Telemetry } from "@holdfast/core"
import * as PolicyPromise from "@holdfast/core/PolicyPromise"
import { Cause, Effect, Metric, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { fresh } from "./metrics.ts"

const settled = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: unknown) => error,
  )

const make = (options: Omit<PolicyPromise.Options, "name">) =>
  Effect.map(Effect.context<never>(), (context) => PolicyPromise.make({ name: "db", ...options }, context))

/** Hangs until its signal aborts. */
const hangs = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)))

describe("a policy for promises", () => {
  it.effect("with nothing in it makes the call", () =>
    Effect.gen(function* () {
      const policy = yield* make({})
      assert.strictEqual(yield* Effect.promise(() => policy.protect(async () => "ok")), "ok")
      const error = new Error("bad")
      assert.strictEqual(yield* Effect.promise(() => settled(policy.protect(() => Promise.reject(error)))), error)
    }),
  )

  it.effect("retries, times out and breaks in the documented order", () =>
    Effect.gen(function* () {
      const policy = yield* make({
        retry: { schedule: Schedule.recurs(3) },
        breaker: { rules: [Breaker.consecutive(2)], openFor: "1 minute" },
        timeout: "1 second",
      })
      let calls = 0
      const aborted: Array<boolean> = []
      const answer = settled(
        policy.protect((signal) => {
          calls++
          signal.addEventListener("abort", () => aborted.push(true))
          return hangs(signal)
        }),
      )
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([calls, aborted, policy.breaker?.state()], [2, [true, true], "Open"])
      yield* TestClock.adjust("59 seconds")
      yield* TestClock.adjust("2 seconds")
      assert.isTrue(Cause.isTimeoutError(yield* Effect.promise(() => answer)))
      assert.strictEqual(calls, 3)
    }),
  )

  it.effect("hedges, and aborts the loser", () =>
    Effect.gen(function* () {
      const policy = yield* make({ hedge: { delay: "100 millis" } })
      const signals: Array<AbortSignal> = []
      const answer = settled(
        policy.protect((signal) => {
          signals.push(signal)
          return signals.length === 1 ? hangs(signal) : Promise.resolve("second")
        }),
      )
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(yield* Effect.promise(() => answer), "second")
      assert.deepStrictEqual(
        signals.map(({ aborted }) => aborted),
        [true, false],
      )
    }),
  )

  it.effect("refuses with the same errors", () =>
    Effect.gen(function* () {
      const policy = yield* make({ bulkhead: { concurrent: 1 }, breaker: {} })
      const first = settled(policy.protect(() => new Promise((resolve) => setImmediate(() => resolve("ok")))))
      const refused = yield* Effect.promise(() => settled(policy.protect(async () => "ok")))
      assert.isTrue(refused instanceof Bulkhead.BulkheadFull)
      assert.strictEqual(yield* Effect.promise(() => first), "ok")
      yield* policy.breaker!.forceOpen("drill")
      const open = yield* Effect.promise(() => settled(policy.protect(async () => "ok")))
      assert.isTrue(open instanceof Breaker.BreakerError)
    }),
  )

  it.effect("ends with the reason of a signal that aborts, and does not count that", () =>
    Effect.gen(function* () {
      const policy = yield* make({ breaker: { rules: [Breaker.consecutive(1)] } })
      const controller = new AbortController()
      const answer = settled(policy.protect(hangs, controller.signal))
      const why = new Error("the user left")
      controller.abort(why)
      assert.strictEqual(yield* Effect.promise(() => answer), why)
      assert.strictEqual(policy.breaker?.state(), "Closed")
    }),
  )

  it.effect("does not make a call whose signal has aborted before", () =>
    Effect.gen(function* () {
      const policy = yield* make({})
      let made = 0
      const call = async () => ++made
      const error = yield* Effect.promise(() => settled(policy.protect(call, AbortSignal.abort("gone"))))
      assert.deepStrictEqual([error, made], ["gone", 0])
    }),
  )

  it.effect("leaves lists and metrics when it is closed", () =>
    Effect.gen(function* () {
      const registry = yield* Telemetry.Telemetry
      const policy = yield* make({ breaker: {}, bulkhead: {} })
      assert.strictEqual(Array.from(registry.probes()).length, 1)
      assert.isAbove((yield* Metric.snapshot).length, 0)
      yield* Effect.promise(policy.close)
      assert.deepStrictEqual([Array.from(registry.probes()), yield* Metric.snapshot], [[], []])
    }).pipe(Effect.provide(Telemetry.layer), fresh),
  )

  it("throws for impossible options, and leaves nothing behind", () => {
    const before = Array.from(Telemetry.Telemetry.defaultValue().probes()).length
    assert.throws(() => PolicyPromise.make({ name: "db", breaker: {}, timeout: 0 }), /timeout must be longer than 0/)
    assert.throws(() => PolicyPromise.make({ name: "db", retry: { schedule: 3 as never } }), /retry.schedule must be/)
    assert.strictEqual(Array.from(Telemetry.Telemetry.defaultValue().probes()).length, before)
  })

  it("works without any context", async () => {
    const policy = PolicyPromise.make({
      name: "db",
      bulkhead: {},
      hedge: {},
      retry: {},
      breaker: {},
      timeout: "1 second",
    })
    assert.strictEqual(await policy.protect(async () => "ok"), "ok")
    await policy.close()
    const afterwards = () => "no promise" as never
    assert.strictEqual(await policy.protect(afterwards), "no promise")
  })
})
