import { assert, describe } from "@effect/vitest"
import { it } from "@holdfast/testing/Vitest"
import { bugs, classes } from "./bugs.ts"
import { hunt, options, program } from "./suite.ts"

describe("planted bugs", () => {
  it("are twenty, at least two of each class", () => {
    const all = bugs.map((bug) => classes[bug])
    assert.deepStrictEqual([bugs.length, new Set(all).size], [20, 8])
    for (const kind of all) assert.isAtLeast(all.filter((other) => other === kind).length, 2, kind)
  })

  it.sim("without any, the client keeps its promises", { ...options, runs: 500, seed: 1 }, () => program(undefined))

  it.each(bugs)("%s is found, and one fault or two are left of the plan", { timeout: 60_000 }, (bug) => {
    const report = hunt(bug, { runs: 1000, seed: 1 })
    if (report._tag !== "Failed") return assert.fail(`${report._tag} after ${report.runs} runs`)
    assert.oneOf(report.plan.faults.length, [1, 2])
  })
})
