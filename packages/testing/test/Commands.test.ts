import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { Commands, Sim } from "@holdfast/testing"
import { Effect, Exit, Schema } from "effect"
import { clean, explored, restore } from "./surroundings.ts"

beforeEach(clean)
afterEach(restore)

/** A stack that forgets its bottom when it holds `forgetsAt`. */
const stack = (forgetsAt: number) => {
  const items: Array<number> = []
  return {
    push: (item: number) =>
      Effect.sync(() => {
        items.push(item)
        if (items.length === forgetsAt) items.shift()
      }),
    pop: Effect.sync(() => items.pop()),
  }
}

type Stack = ReturnType<typeof stack>

const fits = (actual: unknown, expected: unknown) =>
  actual === expected ? Effect.void : Effect.die(new Error(`${String(actual)} in place of ${String(expected)}`))

const operations = Commands.make({
  model: [] as ReadonlyArray<number>,
  commands: {
    push: Commands.command({
      input: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })),
      next: (model: ReadonlyArray<number>, item) => [...model, item],
      run: (real: Stack, item) => real.push(item),
    }),
    pop: Commands.command({
      when: (model: ReadonlyArray<number>) => model.length > 0,
      next: (model) => model.slice(0, -1),
      run: (real: Stack, _, model) => Effect.flatMap(real.pop, (item) => fits(item, model.at(-1))),
    }),
  },
})

const program = (forgetsAt: number) => Effect.suspend(() => operations.play(stack(forgetsAt)))

describe("Commands", () => {
  it("a real thing that does as its model does passes", () => {
    const report = Sim.explore({ commands: operations, seed: 0, runs: 100 }, program(Infinity))
    assert.deepStrictEqual(report, { _tag: "Passed", runs: 100 })
  })

  it("a mistake is found, with the shortest sequence that shows it", () => {
    const report = explored({ commands: operations, seed: 0 }, program(3))
    const [push, pop] = [
      ["push", 0],
      ["pop", null],
    ] as const
    assert.deepStrictEqual(report.commands, [push, push, push, pop, pop, pop])
    assert.deepStrictEqual(report.plan, { seed: 0, faults: [], healAt: "0ms" })
    assert.include(String(report.exit), "undefined in place of 0")
    const rows = report.history.filter(({ kind }) => kind !== "fault")
    assert.deepStrictEqual(rows.map(({ key, kind, op, value }) => [kind, op, key, value]).slice(-4), [
      ["invoke", "pop", "4", null],
      ["ok", "pop", "4", null],
      ["invoke", "pop", "5", null],
      ["info", "pop", "5", null],
    ])
  })

  it("what is not possible is left out", () => {
    const kinds = (seed: number) => Sim.run(program(Infinity), { seed }).history.map(({ op }) => op)
    const all = Array.from({ length: 20 }, (_, seed) => kinds(seed))
    assert.isTrue(all.every(([first]) => first !== "pop"))
    assert.isAbove(new Set(all.map(String)).size, 10)
  })

  it("without an exploration `Random` draws, so that a seed decides", () => {
    assert.isUndefined(Sim.check(program(Infinity), { seed: 3 }))
    assert.isTrue(Exit.isSuccess(Sim.run(program(Infinity), { seed: 3 }).exit))
  })

  it("sequences get as long as was allowed", () => {
    const lengths = new Set<number>()
    const go = Commands.command({
      next: (n: number) => n + 1,
      run: (_: null, __, n) => Effect.sync(() => lengths.add(n)),
    })
    const commands = Commands.make({ model: 1, commands: { go }, atMost: 30 })
    Sim.explore({ commands, seed: 0, runs: 300 }, commands.play(null))
    assert.strictEqual(Math.max(...lengths), 30)
  })

  it("no longer than asked for, and never without operations", () => {
    const { commands } = explored(
      { commands: Commands.make({ model: null, commands: { go: nothing }, atMost: 2 }), seed: 0 },
      Effect.fail("always"),
    )
    assert.isAtMost(commands!.length, 2)
    assert.throws(() => Commands.make({ model: null, commands: {} }), /at least one is needed/)
  })
})

const nothing = Commands.command({ next: (model: null) => model, run: () => Effect.void })
