import { assert, describe, it } from "@effect/vitest"
import { Breaker, Events, Telemetry } from "@holdfast/core"
import * as BreakerPromise from "@holdfast/core/BreakerPromise"
import { Duration, Effect, Logger, Metric } from "effect"
import { TestClock } from "effect/testing"
import { fresh } from "./metrics.ts"

const ok = () => Promise.resolve("ok")
const bad = () => Promise.reject(new Error("bad"))

/** What a promise comes to. */
const settled = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: unknown) => error,
  )
const end = (promise: Promise<unknown>) => Effect.promise(() => settled(promise))

/** On the clock of the test; opens at the first failure, for ten seconds. */
const make = (options?: Partial<BreakerPromise.Options>) =>
  Effect.map(Effect.context<never>(), (context) =>
    BreakerPromise.make({ name: "db", rules: [Breaker.consecutive(1)], openFor: "10 seconds", ...options }, context),
  )

const due = (options?: Partial<BreakerPromise.Options>) =>
  Effect.gen(function* () {
    const breaker = yield* make(options)
    yield* end(breaker.protect(bad))
    yield* TestClock.adjust("10 seconds")
    return breaker
  })

/** A call that ends when told. */
const pending = () => {
  const { promise, reject, resolve } = Promise.withResolvers<string>()
  return { call: () => promise, resolve, reject }
}

describe("a breaker for promises", () => {
  it.effect("opens, refuses, probes and closes like the other", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      assert.strictEqual(yield* end(breaker.protect(ok)), "ok")
      assert.strictEqual(String(yield* end(breaker.protect(bad))), "Error: bad")
      const refused = yield* end(breaker.protect(ok))
      assert.isTrue(refused instanceof Breaker.BreakerError && refused instanceof Error)
      assert.strictEqual(Duration.toMillis((refused as Breaker.BreakerError).reason.retryAfter), 10_000)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* end(breaker.protect(ok)), "ok")
      assert.deepStrictEqual(
        breaker.history().map(({ reason }) => reason),
        ["consecutive", "elapsed", "probe_succeeded"],
      )
    }),
  )

  it.effect("takes a call that throws for one that rejects", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      const thrown = breaker.protect(() => {
        throw new Error("thrown")
      })
      assert.strictEqual(String(yield* end(thrown)), "Error: thrown")
      assert.strictEqual(breaker.state(), "Open")
    }),
  )

  it.effect("takes what only looks like a promise", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      // Query builders are like that.
      const then = (end: (value: string) => void) => end("ok")
      const thenable = Object.assign(
        Object.create(null),
        Object.fromEntries([[then.name, then]]),
      ) as PromiseLike<string>
      assert.strictEqual(yield* end(breaker.protect(() => thenable)), "ok")
    }),
  )

  it.effect("does not count a call that was aborted", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      const controller = new AbortController()
      controller.abort()
      const aborted = yield* end(breaker.protect(async () => controller.signal.throwIfAborted()))
      assert.deepStrictEqual([(aborted as Error).name, breaker.state()], ["AbortError", "Closed"])
    }),
  )

  it.effect("aborts a probe that takes too long, and only probes have a signal", () =>
    Effect.gen(function* () {
      const signals: Array<AbortSignal | undefined> = []
      const breaker = yield* make({ probeTimeout: "3 seconds" })
      yield* end(
        breaker.protect((signal) => {
          signals.push(signal)
          return bad()
        }),
      )
      yield* TestClock.adjust("10 seconds")
      const probe = settled(
        breaker.protect(
          (signal) =>
            new Promise((_, reject) => {
              signals.push(signal)
              signal?.addEventListener("abort", () => reject(signal.reason as Error))
            }),
        ),
      )
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(((yield* end(probe)) as Error).name, "AbortError")
      assert.deepStrictEqual(
        [signals.map((signal) => signal?.aborted), breaker.history().at(-1)?.reason],
        [[undefined, true], "probe_timeout"],
      )
    }),
  )

  it.effect("does not abort a probe that came back", () =>
    Effect.gen(function* () {
      const breaker = yield* due({ probeTimeout: "3 seconds" })
      let signal: AbortSignal | undefined
      yield* end(
        breaker.protect((given) => {
          signal = given
          return ok()
        }),
      )
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual([signal?.aborted, breaker.state()], [false, "Closed"])
    }),
  )

  it.effect("lets others wait for the verdict", () =>
    Effect.gen(function* () {
      for (const [verdict, told] of [
        ["resolve", "ok"],
        ["reject", "BreakerError"],
      ] as const) {
        const breaker = yield* due({ onFull: "wait" })
        const probe = pending()
        const first = settled(breaker.protect(probe.call))
        const other = settled(breaker.protect(ok))
        probe[verdict]("verdict")
        yield* end(first)
        const found = yield* end(other)
        assert.strictEqual(found instanceof Error ? found.name : found, told)
      }
    }),
  )

  it.effect("lets so many wait, one after the other, too", () =>
    Effect.gen(function* () {
      const breaker = yield* due({ onFull: "wait", maxWaiting: 1, probes: 2 })
      for (let turn = 0; turn < 2; turn++) {
        breaker.reset()
        breaker.forceOpen("drill")
        breaker.probe()
        const probes = [pending(), pending()]
        const ends = probes.map(({ call }) => settled(breaker.protect(call)))
        const waits = settled(breaker.protect(ok))
        assert.isTrue((yield* end(breaker.protect(ok))) instanceof Breaker.BreakerError)
        for (const probe of probes) probe.resolve("ok")
        assert.deepStrictEqual(yield* Effect.promise(() => Promise.all([...ends, waits])), ["ok", "ok", "ok"])
      }
    }),
  )

  it.effect("lets others wait for a probe that hangs no longer than that may take", () =>
    Effect.gen(function* () {
      const breaker = yield* due({ onFull: "wait", probeTimeout: "3 seconds" })
      void breaker.protect(() => new Promise(() => {}))
      const other = settled(breaker.protect(ok))
      yield* TestClock.adjust("3 seconds")
      assert.isTrue((yield* end(other)) instanceof Breaker.BreakerError)
    }),
  )

  it.effect("does not mind late results", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      const late = pending()
      const call = breaker.protect(late.call)
      breaker.reset()
      late.reject(new Error("late"))
      yield* end(call)
      assert.strictEqual(breaker.state(), "Closed")
    }),
  )

  it.effect("asks `classify`, for values and errors, and measures slow calls", () =>
    Effect.gen(function* () {
      const slow = Breaker.slowCalls({ ratio: 0.5, slowerThan: "1 second", window: "1 minute", minimum: 1 })
      const breaker = yield* make({
        rules: [Breaker.consecutive(1), slow],
        classify: Breaker.failureIf((error) => !(error instanceof RangeError)),
      })
      yield* end(breaker.protect(() => Promise.reject(new RangeError("an answer"))))
      assert.strictEqual(breaker.state(), "Closed")
      const answer = pending()
      const call = breaker.protect(answer.call)
      yield* TestClock.adjust("1001 millis")
      answer.resolve("slow")
      yield* end(call)
      assert.strictEqual(breaker.history()[0]?.reason, "slow_calls")
    }),
  )

  it.effect("tells listeners until they stop; one that throws is heard of, and disturbs nobody", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const logger = Logger.make(({ message }) => void logged.push(message))
      const breaker = yield* Effect.provide(make(), Logger.layer([logger]))
      const told: Array<string> = []
      breaker.onChange(() => {
        throw new Error("bug")
      })
      const stop = breaker.onChange(({ from, to }) => told.push(`${from} ${to}`))
      breaker.forceOpen("drill")
      const release = breaker.isolate("upgrade")
      release()
      release()
      stop()
      breaker.probe()
      assert.deepStrictEqual(told, ["Closed Open", "Open Isolated", "Isolated Open"])
      assert.strictEqual(logged.length, 4)
    }),
  )

  it.effect("tells all listeners of a change before any of the next, though one of them makes that", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      const told: Array<string> = []
      breaker.onChange(({ to }) => {
        if (to === "Open") breaker.reset()
      })
      breaker.onChange(({ to }) => told.push(to))
      breaker.forceOpen("drill")
      assert.deepStrictEqual(
        [told, breaker.history().map(({ to }) => to)],
        [
          ["Open", "Closed"],
          ["Open", "Closed"],
        ],
      )
    }),
  )

  it.effect("goes on from a snapshot", () =>
    Effect.gen(function* () {
      const first = yield* make()
      first.forceOpen("drill")
      const snapshot = JSON.parse(JSON.stringify(first.snapshot())) as Breaker.Snapshot
      const second = yield* make({ restore: snapshot })
      assert.deepStrictEqual([second.state(), second.snapshot()], ["Open", snapshot])
    }),
  )

  it.effect("is in lists, metrics and events until it is closed", () =>
    Effect.gen(function* () {
      const [registry, events] = [yield* Telemetry.Telemetry, yield* Events.Events]
      const breaker = yield* make()
      breaker.forceOpen("drill")
      const rows = () => Array.from(registry.probes(), (probe) => probe.row()._tag)
      assert.deepStrictEqual([rows(), events.history().length], [["Breaker"], 1])
      breaker.close()
      breaker.reset()
      assert.deepStrictEqual([rows(), events.history().length, yield* Metric.snapshot], [[], 1, []])
    }).pipe(Effect.provide([Events.layer(), Telemetry.layer]), fresh),
  )

  it("throws for impossible options, and names them", () =>
    assert.throws(() => BreakerPromise.make({ name: "db", probes: 0 }), /probes must be a whole number of at least 1/))

  it("works without any context", async () => {
    const breaker = BreakerPromise.make({ name: "db" })
    assert.strictEqual(await breaker.protect(ok), "ok")
    breaker.close()
  })
})
