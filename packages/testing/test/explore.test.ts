import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import { Sim } from "@holdfast/testing"
import { Effect, Exit, Random } from "effect"
import { clean, explored, replaying, restore, thrown } from "./surroundings.ts"

// Fails for some seeds, for a reason a reader can follow.
const unlucky = Effect.gen(function* () {
  if ((yield* Random.nextIntBetween(1, 10)) === 1) return yield* Effect.fail("unlucky")
})

const seeds = (options: Sim.Options) => {
  const seen: Array<number> = []
  // The order of seeds shows in the first number each of them draws.
  Sim.explore(
    options,
    Effect.map(Random.nextInt, (n) => seen.push(n)),
  )
  return seen
}

beforeEach(clean)
afterEach(restore)

describe("explore", () => {
  it("passes when every seed does", () => {
    assert.deepStrictEqual(Sim.explore({}, Effect.sleep("1 second")), { _tag: "Passed", runs: 200 })
    assert.deepStrictEqual(Sim.explore({ runs: 3 }, Effect.void), { _tag: "Passed", runs: 3 })
  })

  it("stops at the first seed that fails, and says how to run it again", () => {
    const report = explored({ seed: 100 }, unlucky)
    const { exit, leaked, plan, runs, seed } = report
    assert.deepStrictEqual([exit, leaked, seed], [Exit.fail("unlucky"), [], 100 + runs - 1])
    assert.deepStrictEqual(plan, { seed, faults: [], healAt: "0ms" })
    for (let passed = 100; passed < seed; passed++) {
      assert.isTrue(Exit.isSuccess(Sim.run(unlucky, { seed: passed }).exit))
    }
    replaying(report)
    assert.deepStrictEqual(Sim.explore({ seed: 100 }, unlucky), { ...report, runs: 1 })
  })

  it("a defect, a leak, a program that is stuck and one that escapes fail as well", () => {
    const tag = (program: Effect.Effect<unknown>) => Sim.explore({ runs: 1 }, program)._tag
    assert.strictEqual(tag(Effect.sync(() => assert.strictEqual(1, 2 as number))), "Failed")
    assert.strictEqual(tag(Effect.forkDetach(Effect.sleep(1))), "Failed")
    assert.strictEqual(tag(Effect.never), "Failed")
    assert.strictEqual(tag(Effect.sync(() => clearTimeout(setTimeout(() => {}, 1)))), "Failed")
    assert.strictEqual(tag(Effect.interrupt), "Failed")
  })

  it("the limits of a run are passed on", () => {
    assert.strictEqual(Sim.explore({ runs: 1, atMost: "1 second" }, Effect.sleep("2 seconds"))._tag, "Failed")
    assert.strictEqual(Sim.explore({ runs: 1, maxSteps: 5 }, Effect.forever(Effect.yieldNow))._tag, "Failed")
  })

  it("the environment wins over options", () => {
    vi.stubEnv("HOLDFAST_SEED", "7")
    vi.stubEnv("HOLDFAST_RUNS", "2")
    const found = seeds({ seed: 1, runs: 10 })
    clean()
    assert.deepStrictEqual(found, seeds({ seed: 7, runs: 2 }))
  })

  it("the first seed is fixed in CI and fresh elsewhere", () => {
    vi.stubEnv("CI", "true")
    assert.deepStrictEqual(seeds({ runs: 2 }), seeds({ seed: 0, runs: 2 }))
    vi.stubEnv("CI", "")
    assert.notDeepEqual(seeds({ runs: 2 }), seeds({ runs: 2 }))
    vi.stubEnv("CI", "true")
    vi.stubEnv("HOLDFAST_SEED", "fresh")
    assert.notDeepEqual(seeds({ seed: 1, runs: 2 }), seeds({ seed: 1, runs: 2 }))
  })

  it("a time stops it, after one run at least", () => {
    assert.deepStrictEqual(Sim.explore({ time: 0 }, Effect.void), { _tag: "Passed", runs: 1 })
    const report = Sim.explore({ time: "200 millis" }, Effect.void)
    assert.isTrue(report._tag === "Passed" && report.runs > 1)
    vi.stubEnv("HOLDFAST_TIME", "0 millis")
    assert.deepStrictEqual(Sim.explore({ time: "1 hour" }, Effect.void), { _tag: "Passed", runs: 1 })
  })

  it("a time from the environment is used up, however many runs were asked for", () => {
    vi.stubEnv("HOLDFAST_TIME", "200 millis")
    const report = Sim.explore({ runs: 1, seed: 0 }, Effect.void)
    assert.isTrue(report._tag === "Passed" && report.runs > 1)
    vi.stubEnv("HOLDFAST_RUNS", "3")
    assert.deepStrictEqual(Sim.explore({ runs: 1 }, Effect.void), { _tag: "Passed", runs: 3 })
  })

  it("a program that remembers earlier runs is told apart from one that fails", () => {
    let runs = 0
    const program = Effect.suspend(() => (++runs === 5 ? Effect.fail("once") : Effect.void))
    const report = explored({ seed: 0 }, program)
    assert.deepStrictEqual([report.runs, report.exit], [5, Exit.void])
    assert.match(String(report.notes), /run again, the same plan passed: .* see `Sim\.check`/)
  })

  it("settings nobody can follow are refused", () => {
    assert.throws(() => Sim.explore({ runs: 0 }, Effect.void), /at least one run, not 0/)
    assert.throws(() => Sim.explore({ seed: -1 }, Effect.void), /at least 0, not -1/)
    vi.stubEnv("HOLDFAST_TIME", "soon")
    assert.throws(() => Sim.explore({}, Effect.void), /HOLDFAST_TIME must be like "30 seconds", not soon/)
    clean()
    vi.stubEnv("HOLDFAST_SEED", "first")
    assert.throws(() => Sim.explore({}, Effect.void), /HOLDFAST_SEED must be a whole number or "fresh", not first/)
  })
})

describe("assert", () => {
  it("is silent when every seed passes", () => assert.doesNotThrow(() => Sim.assert({ runs: 3 }, Effect.void)))

  it("throws the seed, the cause and the line to replay", () => {
    const boom = new Error("boom")
    const failed = (program: Effect.Effect<unknown, unknown>) => thrown({ seed: 5, runs: 1 }, program)
    const error = failed(Effect.die(boom))
    assert.strictEqual(error.cause, boom)
    assert.match(error.message, /^run 1 of this exploration fails\nError: boom\n/)
    assert.match(error.message, /\n {2}"seed": 5,\n {2}"faults": \[\],\n/)
    assert.match(error.message, /\nagain: HOLDFAST_REPLAY='\{"version":.*"seed":5.*\}' the command of this test$/)
    assert.include(
      failed(Effect.forkDetach(Effect.sleep(1))).message,
      "\n  fiber#2, started by main: waits since 0 ms\n",
    )
    assert.match(
      failed(Effect.sync(() => clearTimeout(setTimeout(() => {}, 1)))).message,
      /\nstarted in the real world:\n {2}real timer at .*explore\.test\.ts/,
    )
  })
})
