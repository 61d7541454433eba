import { assert, describe, it, vi } from "@effect/vitest"
import { Sim } from "@holdfast/testing"
import { Cause, Deferred, Effect, Exit, Fiber, Option, Scheduler } from "effect"

const stuck = (program: Effect.Effect<unknown, unknown, Sim.World>, options?: Sim.RunOptions): Sim.Stuck => {
  const { exit, leaked } = Sim.run(program, options)
  assert.deepStrictEqual(leaked, [])
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return defect instanceof Sim.Stuck ? defect : assert.fail(String(exit))
}

const brief = ({ at, reason, waiting }: Sim.Stuck) => ({
  reason,
  at,
  waiting: waiting.map(({ by, name, since }) => [name, by, since]),
})

describe("a program that cannot go on", () => {
  it("is a defect that names who waits and since when", () => {
    const program = Effect.gen(function* () {
      const answer = yield* Deferred.make<void>()
      const worker = Effect.andThen(Effect.sleep("1 second"), Deferred.await(answer))
      const fiber = yield* Effect.forkChild(Sim.named(worker, "worker"))
      yield* Effect.forkChild(Effect.never.pipe(Effect.withSpan("span"), Effect.delay("2 seconds")))
      yield* Effect.forkChild(Effect.fn("traced")(() => Effect.never)())
      yield* Effect.forkChild(Effect.never)
      yield* Fiber.join(fiber)
    })
    const found = stuck(program, { preempt: 0 })
    assert.deepStrictEqual(
      { ...brief(found), waiting: brief(found).waiting.map(String).sort() },
      {
        reason: "Deadlock",
        at: 2000,
        waiting: found.waiting
          .map(({ name }) => name)
          .map((name) => {
            const since = name.startsWith("worker#") ? 1000 : name.startsWith("span#") ? 2000 : 0
            return `${name},${name === "main" ? "" : "main"},${since}`
          })
          .sort(),
      },
    )
    assert.deepStrictEqual(found.waiting.map(({ name }) => name.replace(/\d+/, "")).sort(), [
      "fiber#",
      "main",
      "span#",
      "traced#",
      "worker#",
    ])
    assert.match(found.message, /^nothing can run and no timer is set, after 2000 ms .*\n {2}main: waits since 0 ms\n/)
    assert.match(found.message, /\n {2}worker#\d, started by main: waits since 1000 ms(\n|$)/)
    assert.match(found.message, /\n {2}traced#\d, started by main: waits since 0 ms at .*stuck\.test\.ts:/)
  })

  it("a callback that is never called is a deadlock, not an escape", () => {
    assert.deepStrictEqual(brief(stuck(Effect.callback<void>(() => {}))), {
      reason: "Deadlock",
      at: 0,
      waiting: [["main", undefined, 0]],
    })
  })

  it("two fibers that wait for each other are both named", () => {
    const program = Effect.gen(function* () {
      const left = yield* Deferred.make<void>()
      const right = yield* Deferred.make<void>()
      const wait = (mine: Deferred.Deferred<void>, other: Deferred.Deferred<void>) =>
        Effect.andThen(Deferred.await(other), Deferred.succeed(mine, undefined))
      yield* Effect.all([Sim.named(wait(left, right), "left"), Sim.named(wait(right, left), "right")], {
        concurrency: "unbounded",
      })
    })
    const names = stuck(program).waiting.map(({ name }) => name.replace(/\d/, ""))
    assert.deepStrictEqual(names.sort(), ["left#", "main", "right#"])
  })

  it("takes no more virtual time than it may", () => {
    assert.deepStrictEqual(brief(stuck(Effect.forever(Effect.sleep("7 minutes")))), {
      reason: "OutOfTime",
      at: 56 * 60_000,
      waiting: [["main", undefined, 56 * 60_000]],
    })
    assert.strictEqual(stuck(Effect.sleep("2 seconds"), { atMost: "1 second" }).reason, "OutOfTime")
    assert.isTrue(Exit.isSuccess(Sim.run(Effect.sleep("1 second"), { atMost: "1 second" }).exit))
  })

  it("takes no more steps than it may, also when it never waits", () => {
    for (const preempt of [0, 0.5]) {
      const { at, reason } = stuck(Effect.forever(Effect.void), { maxSteps: 1000, preempt })
      assert.deepStrictEqual({ at, reason }, { at: 0, reason: "OutOfSteps" })
    }
  })

  it("an operation budget of one's own is respected", () => {
    const busy = Effect.forEach(Array.from({ length: 1000 }), () => Effect.sync(() => {}), { discard: true })
    const budget = (operations: number) =>
      Sim.run(Effect.provideService(busy, Scheduler.MaxOpsBeforeYield, operations), { preempt: 0 }).steps
    assert.strictEqual(budget(1_000_000), 0)
    assert.strictEqual(budget(100), 10)
  })

  it("is interrupted after the report, so that its finalizers run", () => {
    let closed = 0
    const found = stuck(
      Effect.onInterrupt(Effect.never, () =>
        Effect.delay(
          Effect.sync(() => closed++),
          "1 second",
        ),
      ),
    )
    assert.deepStrictEqual([found.at, closed], [0, 1])
  })

  it("where nothing real can be seen, the report says that it may be an escape", () => {
    const builtins = vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined)
    const found = stuck(Effect.promise(() => new Promise(() => {})))
    builtins.mockRestore()
    assert.strictEqual(found.reason, "Deadlock")
    assert.include(found.message, "the program has left the simulation")
  })

  it("a seed or a chance that makes no sense is refused", () => {
    for (const preempt of [1, -0.1, NaN]) assert.throws(() => Sim.run(Effect.void, { preempt }), RangeError)
    for (const seed of [0.5, NaN, Infinity]) assert.throws(() => Sim.run(Effect.void, { seed }), RangeError)
    assert.isTrue(Exit.isSuccess(Sim.run(Effect.as(Effect.void, Option.none()), { seed: -1 }).exit))
  })
})
