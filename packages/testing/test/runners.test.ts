import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const fixture = fileURLToPath(new URL("fixture", import.meta.url))
const failing = fileURLToPath(new URL("fixture/failing.ts", import.meta.url))
const config = fileURLToPath(new URL("fixture/vitest.config.ts", import.meta.url))
const nodeTest = fileURLToPath(new URL("fixture/nodeTest.ts", import.meta.url))

/** Runs the tests of the fixture, as a person does, and says what was printed without colours. */
const run = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) => {
  const clean = { HOLDFAST_SEED: "", HOLDFAST_RUNS: "", HOLDFAST_TIME: "", HOLDFAST_REPLAY: "", HOLDFAST_FAILURES: "" }
  const settings = { ...clean, NO_COLOR: "1", CI: "1" }
  const options = { cwd: fixture, env: { ...process.env, ...settings, ...env }, timeout: 30_000 }
  const { stderr, stdout } = spawnSync(process.execPath, args, options)
  return `${stdout}${stderr}`
}

const vitest = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) =>
  run([join(root, "node_modules/vitest/vitest.mjs"), "run", "--config", config, ...args], env)

describe("it.sim", { timeout: 60_000 }, () => {
  it("fails with the smallest plan, its files, and one line that runs it again", () => {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-"))
    try {
      const said = vitest([], { HOLDFAST_FAILURES: folder })
      assert.match(said, /3 passed/, said)
      assert.match(said, /1 failed \| 3 passed \| 1 skipped/)
      assert.include(said, "broken: at most 1 draw of one key")
      assert.match(said, /❯ failing\.ts:\d+:6\n[^❯]*it\.sim\("isn't lucky/)
      const [, files] = /written: (.*)/.exec(said)!
      const [plan, history, picture] = files!.split(", ").map((file) => readFileSync(file, "utf8"))
      assert.deepInclude(JSON.parse(plan!), { faults: [] })
      assert.strictEqual(history!.trimEnd().split("\n").length, 3)
      assert.match(picture!, /^<svg /)

      const [, replay, file, pattern] = /again: HOLDFAST_REPLAY='(.*)' npx vitest run (\S+) -t "(.*)"/.exec(said)!
      assert.strictEqual(join(fixture, file!), failing)
      const again = vitest([file!, "-t", pattern!], { HOLDFAST_FAILURES: folder, HOLDFAST_REPLAY: replay! })
      assert.match(again, /1 failed \| 4 skipped/, again)
      assert.include(again, "run 1 of this exploration fails")
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe("Sim.assert", { timeout: 30_000 }, () => {
  it("fails a test of node:test with the plan and the line that runs it again", () => {
    const said = run(["--conditions=source", "--test", nodeTest])
    assert.match(said, /pass 1\n[\s\S]*fail 1\n/, said)
    assert.match(said, /run 1 of this exploration fails[\s\S]*at .*nodeTest\.ts/)
    assert.match(said, /again: HOLDFAST_REPLAY='\{"version":"[^']*"plan":\{"seed":7,[^']*\}' the command of this test/)
  })
})
