import { assert, describe, it } from "@effect/vitest"
import { Breaker, Events, EventStream, Telemetry } from "@holdfast/core"
import { Effect, Exit, Fiber, Metric, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { fresh, numbers } from "./metrics.ts"
import { fail, fork, ok, touchy } from "./touchy.ts"

const alone = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  self.pipe(Effect.provide(Events.layer()), Effect.provide(Telemetry.layer), fresh)

describe("a breaker in lists, metrics and events", () => {
  it.effect("is one row, with buttons, until its scope closes", () =>
    Effect.gen(function* () {
      const registry = yield* Telemetry.Telemetry
      const scope = yield* Scope.make()
      const breaker = yield* Scope.provide(touchy({ program: "shop" }), scope)
      const [probe] = registry.probes()
      const press = (action: string) => probe!.actions![action]!
      const row = () => {
        const { state, why } = probe!.row() as Extract<Telemetry.Row, { readonly _tag: "Breaker" }>
        return [state, why]
      }
      assert.deepStrictEqual(probe!.row(), {
        _tag: "Breaker",
        program: "shop",
        target: "db",
        state: "Closed",
        count: 1,
        succeeded: 0,
        failed: 0,
        refused: 0,
        why: null,
      })
      yield* press("isolate")
      yield* press("isolate")
      assert.deepStrictEqual(row(), ["Isolated", "by an operator"])
      yield* press("release")
      yield* press("release")
      assert.strictEqual(breaker.state(), "Closed")
      yield* breaker.forceOpen("drill")
      yield* press("probe")
      assert.deepStrictEqual(row(), ["HalfOpen", "asked to probe"])
      yield* press("reset")
      assert.deepStrictEqual(row(), ["Closed", "reset"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([Array.from(registry.probes()), yield* Metric.snapshot], [[], []])
    }).pipe(alone),
  )

  it.effect("counts calls by how they ended, states, changes, and what its windows see", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy({
        rules: [
          Breaker.countWindow({ ratio: 0.5, size: 100 }),
          Breaker.slowCalls({ ratio: 0.5, slowerThan: "1 second", window: "1 minute", minimum: 100 }),
        ],
      })
      yield* fail(breaker, 1)
      for (let n = 0; n < 3; n++) yield* breaker.protect(ok)
      yield* Fiber.interrupt(yield* fork(breaker.protect(Effect.never)))
      assert.deepStrictEqual(yield* numbers, {
        "calls_total success": 3,
        "calls_total failure": 1,
        "calls_total ignored": 1,
        "state closed": 1,
        failure_ratio: 0.25,
      })
      yield* breaker.forceOpen("drill")
      yield* Effect.ignore(breaker.protect(ok))
      assert.deepStrictEqual(yield* numbers, {
        "calls_total success": 3,
        "calls_total failure": 1,
        "calls_total ignored": 1,
        "calls_total not_permitted": 1,
        "state open": 1,
        "transitions_total closed open forced": 1,
      })
    }).pipe(alone),
  )

  it.effect("two of a name are added up", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* touchy(), yield* touchy()]
      for (const breaker of [one, two]) yield* fail(breaker)
      assert.deepStrictEqual(yield* numbers, {
        "calls_total failure": 2,
        "state open": 2,
        "transitions_total closed open consecutive": 2,
      })
    }).pipe(alone),
  )

  it.effect("tells every change once, in order, to who reads the hub; a slow reader hears what it missed", () =>
    Effect.gen(function* () {
      const breaker = yield* touchy()
      yield* fail(breaker)
      yield* TestClock.adjust("10 seconds")
      yield* breaker.protect(ok)
      const read = yield* Stream.runCollect(Stream.take(EventStream.entries(), 3))
      assert.deepStrictEqual(
        read.map(({ event }) => ("to" in event ? [event.at, event.target, event.to] : [])),
        [
          [0, "db", "Open"],
          [10_000, "db", "HalfOpen"],
          [10_000, "db", "Closed"],
        ],
      )
      for (let turn = 0; turn < 1000; turn++) yield* Effect.andThen(breaker.forceOpen("drill"), breaker.reset)
      const [first] = yield* Stream.runCollect(Stream.take(EventStream.entries(3), 1))
      assert.deepStrictEqual([first!.event._tag, "missed" in first!.event && first!.event.missed], ["Lagged", 976])
    }).pipe(alone),
  )
})
