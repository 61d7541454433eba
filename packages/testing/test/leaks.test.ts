import { assert, describe, it } from "@effect/vitest"
import { Sim } from "@holdfast/testing"
import { Clock, type Context, Effect, Exit } from "effect"

const names = ({ leaked }: Sim.Run<unknown, unknown>) => leaked.map(({ by, name, since }) => [name, by, since])

describe("what a program leaves behind", () => {
  it("a detached loop is named, and interrupted", () => {
    let rounds = 0
    let stopped = false
    const poll = Effect.forever(
      Effect.andThen(
        Effect.sleep("1 second"),
        Effect.sync(() => rounds++),
      ),
    ).pipe(Effect.onInterrupt(() => Effect.sync(() => (stopped = true))))
    const run = Sim.run(Effect.andThen(Effect.forkDetach(Sim.named(poll, "poll")), Effect.sleep("2500 millis")))
    assert.deepStrictEqual([names(run), run.now, rounds, stopped], [[["poll#2", "main", 2000]], 2500, 2, true])
    assert.isTrue(Exit.isSuccess(run.exit))
  })

  it("what was forked in the scope ends with it, at the end of the program", () => {
    let rounds = 0
    let stopped = -1
    const loop = Effect.forever(
      Effect.andThen(
        Effect.sleep("1 second"),
        Effect.sync(() => rounds++),
      ),
    ).pipe(Effect.onInterrupt(() => Effect.map(Clock.currentTimeMillis, (now) => (stopped = now))))
    for (let seed = 0; seed < 20; seed++) {
      rounds = 0
      const run = Sim.run(Effect.andThen(Effect.forkScoped(loop), Effect.sleep("2500 millis")), { seed })
      assert.deepStrictEqual([run.leaked, rounds, stopped], [[], 2, 2500])
    }
  })

  it("children end with their parent", () => {
    assert.deepStrictEqual(Sim.run(Effect.andThen(Effect.forkChild(Effect.never), Effect.sleep(1))).leaked, [])
  })

  it("what ends by itself at the same instant is on its way out, not left", () => {
    const farewell = Effect.forkDetach(Effect.andThen(Effect.yieldNow, Effect.yieldNow))
    assert.deepStrictEqual(Sim.run(farewell).leaked, [])
    assert.deepStrictEqual(names(Sim.run(Effect.forkDetach(Effect.sleep(1)))), [["fiber#2", "main", 0]])
  })

  it("a program that failed can leave something too", () => {
    const run = Sim.run(Effect.andThen(Effect.forkDetach(Effect.never), Effect.fail("no")))
    assert.deepStrictEqual([run.exit, run.leaked.length], [Exit.fail("no"), 1])
  })

  it("what a plain callback started is told by its line, what has a span by that of the span", () => {
    const where = (program: Effect.Effect<unknown>) => Sim.run(program).leaked.map(({ where }) => where)
    const callback = Effect.contextWith((context: Context.Context<never>) =>
      Effect.sync(() => Effect.runForkWith(context)(Effect.sleep(1))),
    )
    assert.match(String(where(callback)), /leaks\.test\.ts:\d+:\d+\)?$/)
    assert.match(String(where(Effect.forkDetach(Effect.withSpan(Effect.sleep(1), "span")))), /leaks\.test\.ts:\d+/)
    assert.deepStrictEqual(where(Effect.forkDetach(Effect.sleep(1))), [undefined])
  })

  it("thousands of fibers that came and went are forgotten", () => {
    const program = Effect.gen(function* () {
      for (let i = 0; i < 5000; i++) yield* Effect.forkDetach(Effect.sleep(i % 10))
      yield* Effect.forkDetach(Sim.named(Effect.never, "last"))
      yield* Effect.sleep(20)
    })
    const [last, ...others] = Sim.run(program).leaked.map(({ name }) => name)
    assert.match(last!, /^last#[45]\d\d\d$/)
    assert.deepStrictEqual(others, [])
  })
})
