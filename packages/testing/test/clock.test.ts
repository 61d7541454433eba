import { assert, describe, it } from "@effect/vitest"
import { Sim } from "@holdfast/testing"
import { Clock, DateTime, Duration, Effect, Exit, Fiber } from "effect"

const value = <A, E>(program: Effect.Effect<A, E, Sim.World>, options?: Sim.RunOptions): A => {
  const { exit } = Sim.run(program, options)
  return Exit.isSuccess(exit) ? exit.value : assert.fail(String(exit))
}

const stamps = Effect.gen(function* () {
  const log: Array<string> = []
  const worker = (name: string) =>
    Effect.gen(function* () {
      for (let i = 0; i < 3; i++) {
        yield* Effect.sleep("1 second")
        log.push(`${name}@${yield* Clock.currentTimeMillis}`)
      }
    })
  yield* Effect.all([worker("a"), worker("b"), worker("c")], { concurrency: "unbounded" })
  return log
})

describe("the virtual clock", () => {
  it("sleepers wake at exactly their time, however fibers overtake each other", () => {
    const orders = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      const { exit, now } = Sim.run(stamps, { seed, preempt: 0.3 })
      if (Exit.isFailure(exit)) return assert.fail("the program failed")
      assert.strictEqual(now, 3000)
      assert.deepStrictEqual(
        exit.value.toSorted(),
        ["a", "b", "c"].flatMap((name) => [1000, 2000, 3000].map((at) => `${name}@${at}`)),
      )
      orders.add(exit.value.join())
    }
    assert.isAbove(orders.size, 100)
  })

  it("starts at 1970 and shows whole milliseconds, nanoseconds and dates of the same instant", () => {
    const shown = Effect.gen(function* () {
      return [
        yield* Clock.currentTimeMillis,
        yield* Clock.currentTimeNanos,
        yield* Clock.monotonicTimeNanos,
        DateTime.formatIso(yield* DateTime.now),
      ] as const
    })
    assert.deepStrictEqual(value(shown), [0, 0n, 0n, "1970-01-01T00:00:00.000Z"])
    assert.deepStrictEqual(value(Effect.andThen(Effect.sleep(Duration.nanos(1_500_000n)), shown)), [
      1,
      1_500_000n,
      1_500_000n,
      "1970-01-01T00:00:00.001Z",
    ])
    assert.deepStrictEqual(value(Effect.andThen(Effect.sleep("365 days"), shown), { atMost: "366 days" }), [
      31_536_000_000,
      31_536_000_000_000_000n,
      31_536_000_000_000_000n,
      "1971-01-01T00:00:00.000Z",
    ])
  })

  it("a sleep of nothing lets others go first and takes no time", () => {
    const program = Effect.gen(function* () {
      const log: Array<string> = []
      yield* Effect.forkChild(Effect.sync(() => log.push("other")))
      yield* Effect.sleep(0)
      log.push("sleeper")
      return [log.join(), yield* Clock.currentTimeMillis] as const
    })
    const seen = new Set(Array.from({ length: 20 }, (_, seed) => value(program, { seed, preempt: 0 }).join(" at ")))
    assert.deepStrictEqual(seen, new Set(["other,sleeper at 0", "sleeper at 0"]))
  })

  it("a sleep without end waits for ever, and is told so", () => {
    const { exit } = Sim.run(Effect.sleep(Infinity))
    assert.isTrue(Exit.isFailure(exit))
  })

  it("an interrupted sleep leaves no timer", () => {
    const program = Effect.gen(function* () {
      const sleeper = yield* Effect.forkChild(Effect.sleep("30 minutes"))
      yield* Effect.sleep("1 second")
      yield* Fiber.interrupt(sleeper)
      return yield* Effect.never
    })
    // With the timer still set, the run would go on to it and find out at 30 minutes that nothing can run.
    const { now } = Sim.run(program)
    assert.strictEqual(now, 1000)
  })

  it("of an effect and its timeout the earlier wins, at its own time", () => {
    const race = (takes: Duration.Input) =>
      Effect.gen(function* () {
        const answer = yield* Effect.succeed("done").pipe(Effect.delay(takes), Effect.timeoutOption("1 second"))
        return [answer._tag, yield* Clock.currentTimeMillis] as const
      })
    for (let seed = 0; seed < 20; seed++) {
      assert.deepStrictEqual(value(race("999 millis"), { seed }), ["Some", 999])
      assert.deepStrictEqual(value(race("1001 millis"), { seed }), ["None", 1000])
    }
  })

  it("what is due at the same instant comes in any order", () => {
    const both = new Set(
      Array.from({ length: 50 }, (_, seed) =>
        value(
          Effect.raceFirst(Effect.as(Effect.sleep("1 second"), "left"), Effect.as(Effect.sleep("1 second"), "right")),
          { seed },
        ),
      ),
    )
    assert.deepStrictEqual(both, new Set(["left", "right"]))
  })
})
