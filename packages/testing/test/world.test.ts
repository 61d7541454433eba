import { assert, describe, it } from "@effect/vitest"
import { Entropy, Telemetry } from "@holdfast/core"
import { Sim } from "@holdfast/testing"
import { Clock, Context, Deferred, Effect, Exit, Fiber, FiberSet, Layer, Metric, Random, Scope } from "effect"

const value = <A, E>(program: Effect.Effect<A, E, Sim.World>, options?: Sim.RunOptions): A => {
  const { exit } = Sim.run(program, options)
  return Exit.isSuccess(exit) ? exit.value : assert.fail(String(exit))
}

const late = Effect.andThen(Effect.sleep("1 hour"), Clock.currentTimeMillis)

describe("the world of a run", () => {
  it("a program runs to its end in one call, and its scope is closed after it", () => {
    const log: Array<string> = []
    const program = Effect.gen(function* () {
      yield* Effect.acquireRelease(
        Effect.sync(() => log.push("open")),
        () =>
          Effect.delay(
            Effect.sync(() => log.push("closed")),
            "1 second",
          ),
      )
      yield* Effect.sleep("1 second")
      log.push("used")
      return "answer"
    })
    const { exit, leaked, now } = Sim.run(program)
    assert.deepStrictEqual([exit, leaked, now, log], [Exit.succeed("answer"), [], 2000, ["open", "used", "closed"]])
  })

  it("Random and Entropy come from the seed", () => {
    const draws = Effect.all([Random.next, Random.nextInt, Random.nextIntBetween(1, 6), Entropy.id()])
    assert.deepStrictEqual(value(draws, { seed: 3 }), value(draws, { seed: 3 }))
    const seen = Array.from({ length: 100 }, (_, seed) => value(draws, { seed }))
    for (const column of [0, 1, 3]) assert.strictEqual(new Set(seen.map((row) => row[column])).size, 100)
    assert.deepStrictEqual(new Set(seen.map((row) => row[2])), new Set([1, 2, 3, 4, 5, 6]))
    for (const [next, int] of seen) assert.isTrue(next >= 0 && next < 1 && Number.isSafeInteger(int))
  })

  it("a program that draws one number more is not scheduled differently", () => {
    const trace = (draws: Effect.Effect<unknown>) =>
      Sim.run(Effect.andThen(draws, Effect.forEach([1, 2, 3], Effect.sleep, { concurrency: "unbounded" })), {
        preempt: 0,
        trace: true,
      }).trace.map(({ choice, of }) => [choice, of])
    assert.deepStrictEqual(trace(Random.next), trace(Effect.andThen(Random.next, Random.next)))
  })

  it("metrics and live things are counted from nothing in every run", () => {
    const program = Effect.gen(function* () {
      const calls = Metric.counter("calls")
      yield* Metric.update(calls, 1)
      yield* Telemetry.register({ row: () => ({ _tag: "Check", name: "one", ok: true, why: "" }) })
      const telemetry = yield* Telemetry.Telemetry
      return [(yield* Metric.value(calls)).count, [...telemetry.probes()].length]
    })
    assert.deepStrictEqual(
      [value(program), value(program)],
      [
        [1, 1],
        [1, 1],
      ],
    )
  })

  it("every kind of fork is inside", () => {
    const program = Effect.gen(function* () {
      const scope = yield* Scope.Scope
      const fibers = [
        yield* Effect.forkChild(late),
        yield* Effect.forkChild(late, { startImmediately: true }),
        yield* Effect.forkDetach(late),
        yield* Effect.forkScoped(late),
        yield* Effect.forkIn(late, scope),
        yield* FiberSet.run(yield* FiberSet.make<number>(), late),
      ]
      return yield* Fiber.joinAll(fibers)
    })
    for (let seed = 0; seed < 10; seed++) {
      assert.deepStrictEqual(
        value(program, { seed }),
        Array.from({ length: 6 }, () => 3_600_000),
      )
    }
  })

  it("plain callbacks that run effects with the captured context are inside", () => {
    const program = Effect.gen(function* () {
      const context = yield* Effect.context<never>()
      const done = yield* Deferred.make<number>()
      const runFork = Effect.runForkWith(context)
      // As an event of a socket would: no fiber around it, only the context from when the thing was made.
      const onMessage = () => void runFork(Effect.andThen(late, (now) => Deferred.succeed(done, now)))
      yield* Effect.sync(onMessage)
      const [now, inCallback] = [
        yield* Deferred.await(done),
        Context.get(context, Clock.Clock).currentTimeMillisUnsafe(),
      ]
      return [now, inCallback]
    })
    for (let seed = 0; seed < 10; seed++) {
      const run = Sim.run(program, { seed })
      assert.deepStrictEqual([run.exit, run.escapes], [Exit.succeed([3_600_000, 3_600_000]), []])
    }
    assert.isUndefined(Sim.check(program))
  })

  it("callbacks without their context are outside, which is seen", () => {
    const { escapes } = Sim.run(Effect.sync(() => Effect.runFork(late)))
    assert.deepStrictEqual(
      escapes.map(({ kind }) => kind),
      ["timer"],
    )
  })

  it("layers are built inside", () => {
    class Started extends Context.Service<Started, number>()("Started") {}
    const layer = Layer.effect(Started, late)
    assert.strictEqual(value(Effect.provide(Started, layer)), 3_600_000)
  })

  it("runSync inside a program works and is no decision", () => {
    const program = Effect.gen(function* () {
      const context = yield* Effect.context<never>()
      return Effect.runSyncWith(context)(Effect.andThen(Effect.yieldNow, Clock.currentTimeMillis))
    })
    assert.deepStrictEqual(Sim.run(Effect.andThen(Effect.sleep(5), program), { preempt: 0 }).exit, Exit.succeed(5))
  })

  it("a run inside a run disturbs neither", () => {
    const outer = Effect.gen(function* () {
      yield* Effect.sleep(5)
      const inner = Sim.run(late)
      return [inner.exit, inner.now, yield* Clock.currentTimeMillis]
    })
    assert.deepStrictEqual(value(outer), [Exit.succeed(3_600_000), 3_600_000, 5])
    assert.isUndefined(Sim.check(outer))
  })
})
