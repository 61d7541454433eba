import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { Sim } from "@holdfast/testing"
import { Deferred, Effect, Exit, Fiber, Ref } from "effect"
import { clean, explored, restore } from "./surroundings.ts"

// Three fibers read, then write: correct only as long as nobody comes between.
const lostUpdate = Effect.gen(function* () {
  const ref = yield* Ref.make(0)
  const increment = Effect.gen(function* () {
    const value = yield* Ref.get(ref)
    yield* Ref.set(ref, value + 1)
  })
  yield* Effect.all([increment, increment, increment], { concurrency: "unbounded" })
  const value = yield* Ref.get(ref)
  if (value !== 3) return yield* Effect.fail(value)
})

describe("planted races", () => {
  beforeEach(clean)
  afterEach(restore)

  it("a lost update is found by preemption, and its seed finds it again", () => {
    const report = explored({ preempt: 0.3, seed: 0, runs: 200 }, lostUpdate)
    const again = Sim.run(lostUpdate, { preempt: 0.3, seed: report.seed })
    assert.deepStrictEqual(again.exit, report.exit)
    assert.isTrue(Exit.isFailure(again.exit))
    assert.strictEqual(again.hash, Sim.run(lostUpdate, { preempt: 0.3, seed: report.seed }).hash)
  })

  it.live("the default scheduler never shows it", () => Effect.replicateEffect(lostUpdate, 200, { discard: true }))

  it("without preemption no order of the fibers shows it", () => {
    assert.deepStrictEqual(Sim.explore({ preempt: 0, seed: 0, runs: 200 }, lostUpdate), { _tag: "Passed", runs: 200 })
  })

  it("preemption separates who completes a Deferred from who waited for it", () => {
    const program = Effect.gen(function* () {
      const log: Array<string> = []
      const door = yield* Deferred.make<void>()
      yield* Effect.forkChild(
        Effect.andThen(
          Deferred.await(door),
          Effect.sync(() => log.push("waiter")),
        ),
      )
      yield* Effect.sleep(1)
      yield* Deferred.succeed(door, undefined)
      log.push("opener")
      yield* Effect.sleep(1)
      return log.join()
    })
    const orders = (preempt: number) =>
      new Set(
        Array.from({ length: 100 }, (_, seed) => {
          const { exit } = Sim.run(program, { seed, preempt })
          return Exit.isSuccess(exit) ? exit.value : assert.fail("the program failed")
        }),
      )
    assert.deepStrictEqual(orders(0), new Set(["waiter,opener"]))
    assert.deepStrictEqual(orders(0.3), new Set(["waiter,opener", "opener,waiter"]))
  })

  it("forked fibers start in any order", () => {
    const program = Effect.gen(function* () {
      const log: Array<string> = []
      const fibers = yield* Effect.forEach(["a", "b", "c"], (name) =>
        Effect.forkChild(Effect.sync(() => log.push(name))),
      )
      yield* Fiber.joinAll(fibers)
      return log.join("")
    })
    const orders = new Set(
      Array.from({ length: 100 }, (_, seed) => {
        const { exit } = Sim.run(program, { seed, preempt: 0 })
        return Exit.isSuccess(exit) ? exit.value : assert.fail("the program failed")
      }),
    )
    assert.strictEqual(orders.size, 6)
  })
})

describe("being overtaken", () => {
  it("does not bring a fiber back that was interrupted before it started", () => {
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.sleep("1 second"))
      yield* Fiber.interrupt(fiber)
    })
    for (let seed = 0; seed < 500; seed++) assert.strictEqual(Sim.run(program, { seed, preempt: 0.3 }).now, 0)
  })

  it("nearly always still lets every fiber move", () => {
    const { exit, now } = Sim.run(Effect.all([Effect.sleep(10), Effect.sleep(20)], { concurrency: 2 }), {
      preempt: 0.9,
    })
    assert.deepStrictEqual([Exit.isSuccess(exit), now], [true, 20])
  })
})
