/**
 * Every program in the documents that is marked `ts run` is run, and prints what the block behind it says.
 */
import { spawnSync } from "node:child_process"
import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

const root = fileURLToPath(new URL("../../", import.meta.url))
const documents = globSync(["README.md", "packages/*/README.md", "docs/**/*.md"], { cwd: root })

describe("the documents' programs", () => {
  const snippets = documents.flatMap((name) =>
    [...readFileSync(root + name, "utf8").matchAll(/^```ts run\n(.*?)^```\n\n```\n(.*?)^```$/gms)].map(
      ([, code, output], index) => ({ title: `${name} #${index + 1}`, code: code!, output: output! }),
    ),
  )

  it("each have the block with their output behind them", () => {
    const marked = documents.flatMap((name) => readFileSync(root + name, "utf8").match(/^```ts run$/gm) ?? [])
    assert.isAbove(marked.length, 0)
    assert.strictEqual(snippets.length, marked.length)
  })

  it.each(snippets)("$title prints what it says", ({ code, output }) => {
    const args = ["--conditions=source", "--input-type=module-typescript", "--eval", code]
    const run = spawnSync(process.execPath, args, { cwd: root, timeout: 15_000 })
    assert.strictEqual(run.stdout.toString(), output, run.stderr.toString())
    assert.strictEqual(run.status, 0)
  })
})
