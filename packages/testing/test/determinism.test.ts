import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Sim } from "@holdfast/testing"
import { Effect, Exit, Fiber } from "effect"
import { programs } from "./programs.ts"

describe("a seed", () => {
  it.each(Object.entries(programs))("decides everything in a program with %s", (_, program) => {
    const runs = Array.from({ length: 10 }, (_, seed) => Sim.run(program, { seed, preempt: 0.2 }))
    for (const { escapes, exit, leaked } of runs) {
      assert.deepStrictEqual([Exit.isSuccess(exit), leaked, escapes], [true, [], []], String(exit))
    }
    assert.isAbove(new Set(runs.map(({ hash }) => hash)).size, 1)
    for (const seed of [0, 1, 2]) assert.isUndefined(Sim.check(program, { seed, preempt: 0.2 }))
  })

  it("decides the same in another process", { timeout: 30_000 }, () => {
    const script = fileURLToPath(new URL("hashes.ts", import.meta.url))
    const { stderr, stdout } = spawnSync(process.execPath, ["--conditions=source", script], { timeout: 20_000 })
    const here = Object.fromEntries(
      Object.entries(programs).map(([name, program]) => [name, Sim.run(program, { seed: 42 }).hash]),
    )
    assert.deepStrictEqual(JSON.parse(stdout.toString() || stderr.toString()), here)
  })

  it("a trace changes nothing", () => {
    for (const program of Object.values(programs)) {
      assert.strictEqual(Sim.run(program, { trace: true }).hash, Sim.run(program).hash)
    }
  })
})

describe("check", () => {
  it("names the first step at which chance from outside shows", () => {
    const program = Effect.gen(function* () {
      yield* Effect.sleep(5)
      yield* Effect.sleep(Math.random() * 100)
    })
    const found = Sim.check(program, { preempt: 0 })
    assert.strictEqual(found?.step, 2)
    assert.match(found!.first, /^at \d+\.\d+ ms main ran, number 1 of 1 that could, and took \d+ operations$/)
    assert.notStrictEqual(found!.first, found!.second)
  })

  it("names the fiber that did something else because of an earlier run", () => {
    let earlier = 0
    const worker = Effect.gen(function* () {
      yield* Effect.sleep(5)
      for (let i = 0; i < earlier; i++) yield* Effect.sync(() => {})
      earlier++
    })
    const program = Effect.flatMap(Effect.forkChild(Sim.named(worker, "worker")), Fiber.join)
    const found = Sim.check(program, { preempt: 0 })
    assert.strictEqual(found?.step, 2)
    assert.match(found!.first, /^at 5 ms worker#2 ran/)
  })

  it("says when one of the runs had ended", () => {
    let earlier = false
    const program = Effect.suspend(() => {
      if (earlier) return Effect.void
      earlier = true
      return Effect.yieldNow
    })
    const found = Sim.check(program, { preempt: 0 })
    assert.include([found?.first, found?.second].join(), "operations")
    assert.isDefined(found)
  })
})
