import { assert, describe, it } from "@effect/vitest"
import { Breaker, BreakerMap, Events, Telemetry } from "@holdfast/core"
import { Deferred, Effect, Exit, Metric, Scope } from "effect"
import { TestClock } from "effect/testing"
import { fresh, numbers } from "./metrics.ts"

const ok = Effect.succeed("ok")
const bad = Effect.fail("bad")

const touchy = <K>(options?: Partial<BreakerMap.Options<K>>) =>
  BreakerMap.make<K>({ name: "stores", rules: [Breaker.consecutive(1)], openFor: "10 seconds", ...options })

describe("a map of breakers", () => {
  it.effect("has one for each key that is called, and they do not mind each other", () =>
    Effect.gen(function* () {
      const map = yield* touchy<string>()
      assert.deepStrictEqual([map.size(), map.peek("a")], [0, undefined])
      yield* Effect.ignore(map.protect("a", bad))
      assert.strictEqual(yield* map.protect("b", ok), "ok")
      const error = yield* Effect.flip(map.protect("a", ok))
      assert.deepStrictEqual(
        [error.reason.breaker, map.peek("a")?.state(), map.peek("b")?.state(), map.size()],
        ["stores/a", "Open", "Closed", 2],
      )
    }),
  )

  it.effect("refuses each key in its own name, in the same moment, too", () =>
    Effect.gen(function* () {
      const map = yield* touchy<string>()
      for (const key of ["a", "b"]) yield* Effect.ignore(map.protect(key, bad))
      const names: Array<string> = []
      for (const key of ["a", "b", "a"]) {
        const error = yield* Effect.flip(map.protect(key, ok))
        if (error instanceof Breaker.BreakerError) names.push(error.reason.breaker)
      }
      assert.deepStrictEqual(names, ["stores/a", "stores/b", "stores/a"])
    }),
  )

  it.effect("finds the breaker when the call is run, not when it is protected", () =>
    Effect.gen(function* () {
      const map = yield* touchy<string>({ idle: "1 minute" })
      const call = map.protect("a", ok)
      assert.strictEqual(map.size(), 0)
      yield* call
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(map.size(), 0)
      yield* Effect.ignore(map.protect("a", bad))
      assert.strictEqual((yield* Effect.flip(call))._tag, "BreakerError")
    }),
  )

  it.effect("gives a key what is different for it", () =>
    Effect.gen(function* () {
      const map = yield* touchy<string>({
        keyName: (key) => key.toUpperCase(),
        override: (key) => (key === "weak" ? { rules: [Breaker.consecutive(3)] } : undefined),
      })
      for (const key of ["weak", "weak", "other"]) yield* Effect.ignore(map.protect(key, bad))
      assert.deepStrictEqual(
        ["weak", "other"].map((key) => [map.peek(key)?.name, map.peek(key)?.state()]),
        [
          ["stores/WEAK", "Closed"],
          ["stores/OTHER", "Open"],
        ],
      )
    }),
  )

  it.effect("makes one when asked for it, before any call", () =>
    Effect.gen(function* () {
      const map = yield* touchy<string>()
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* map.get("a")!.isolate("upgrade")
          assert.strictEqual((yield* Effect.flip(map.protect("a", ok))).reason._tag, "Isolated")
        }),
      )
      assert.strictEqual(yield* map.get("a")!.protect(ok), "ok")
    }),
  )

  it.effect("forgets who is closed and was not used, between `idle` and twice as long; who is open stays", () =>
    Effect.gen(function* () {
      const map = yield* touchy<string>({ idle: "1 minute" })
      yield* Effect.ignore(map.protect("open", bad))
      yield* map.protect("idle", ok)
      yield* map.protect("busy", ok)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(map.size(), 3)
      yield* map.protect("busy", ok)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        ["open", "idle", "busy"].map((key) => map.peek(key)?.state()),
        ["Open", undefined, "Closed"],
      )
    }),
  )

  it.effect("gives up a closed key that was not used of late when there are too many", () =>
    Effect.gen(function* () {
      const map = yield* touchy<number>({ maxKeys: 4 })
      yield* Effect.ignore(map.protect(0, bad))
      for (let key = 1; key < 1000; key++) {
        yield* map.protect(key, ok)
        yield* map.protect(-1, ok)
      }
      assert.deepStrictEqual([map.size(), map.peek(0)?.state(), map.peek(1)], [4, "Open", undefined])
    }),
  )

  it.effect("keeps a key in use, however many others are invented", () =>
    Effect.gen(function* () {
      const map = yield* touchy<number>({ maxKeys: 100, rules: [Breaker.consecutive(2)] })
      yield* Effect.ignore(map.protect(-1, bad))
      const first = map.peek(-1)
      for (let key = 1; key < 2000; key++) {
        yield* map.protect(key, ok)
        if (key % 10 === 0) map.get(-1)
      }
      assert.isDefined(first)
      yield* Effect.ignore(map.protect(-1, bad))
      assert.strictEqual(first?.state(), "Open")
    }),
  )

  it.effect("does not protect a new key when there is no room, and counts that", () =>
    Effect.gen(function* () {
      const map = yield* touchy<string>({ maxKeys: 2 })
      for (const key of ["a", "b", "c", "c", "c"]) yield* Effect.ignore(map.protect(key, bad))
      assert.deepStrictEqual(
        [yield* map.protect("c", ok), map.size(), map.get("c"), map.peek("a")?.state()],
        ["ok", 2, undefined, "Open"],
      )
      assert.deepStrictEqual(yield* numbers, {
        "calls_total failure": 2,
        "calls_total unprotected": 4,
        "state open": 2,
        "transitions_total closed open consecutive": 2,
      })
    }).pipe(fresh),
  )

  it.effect("what late calls of a forgotten key come to is told to nobody", () =>
    Effect.gen(function* () {
      const map = yield* touchy<string>({ idle: "1 minute" })
      const end = yield* Deferred.make<string, string>()
      const call = yield* Effect.forkChild(Effect.exit(map.protect("a", Deferred.await(end))), {
        startImmediately: true,
      })
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(map.size(), 0)
      yield* Deferred.fail(end, "late")
      yield* Effect.yieldNow
      assert.isDefined(call)
      assert.deepStrictEqual(yield* numbers, { "calls_total failure": 1 })
    }).pipe(fresh),
  )

  it.effect("who still has the breaker of a forgotten key has that of the key, made again", () =>
    Effect.gen(function* () {
      const map = yield* touchy<string>({ idle: "1 minute" })
      const breaker = map.get("a")!
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(map.size(), 0)
      yield* breaker.isolate("by who still has it")
      assert.deepStrictEqual([breaker.state(), map.peek("a")?.state()], ["Isolated", "Isolated"])
      assert.strictEqual((yield* Effect.flip(breaker.protect(ok))).reason._tag, "Isolated")
    }),
  )

  it.effect("is one row and one set of series for all its keys, and takes them with it", () =>
    Effect.gen(function* () {
      const registry = yield* Telemetry.Telemetry
      const scope = yield* Scope.make()
      const map = yield* Scope.provide(touchy<string>(), scope)
      for (const key of ["a", "b", "c"]) yield* map.protect(key, ok)
      yield* Effect.ignore(map.protect("b", bad))
      yield* Effect.ignore(map.protect("b", ok))
      assert.deepStrictEqual(
        Array.from(registry.probes(), (probe) => probe.row()),
        [
          {
            _tag: "Breaker",
            program: "app",
            target: "stores",
            state: "Open",
            count: 3,
            succeeded: 3,
            failed: 1,
            refused: 1,
            why: "1 failures in a row",
          },
        ],
      )
      const events = yield* Events.Events
      assert.deepStrictEqual(
        events.history().map(({ event }) => event),
        [
          {
            _tag: "Breaker",
            program: "app",
            target: "stores/b",
            at: 0,
            from: "Closed",
            to: "Open",
            reason: "consecutive",
            why: "1 failures in a row",
            openForMillis: 10_000,
          } satisfies Events.Known as Events.Event,
        ],
      )
      assert.deepStrictEqual(yield* numbers, {
        "calls_total success": 3,
        "calls_total failure": 1,
        "calls_total not_permitted": 1,
        "state closed": 2,
        "state open": 1,
        "transitions_total closed open consecutive": 1,
      })
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([Array.from(registry.probes()), yield* Metric.snapshot], [[], []])
    }).pipe(fresh, Effect.provide(Events.layer()), Effect.provide(Telemetry.layer)),
  )
})
