/**
 * examples/01-proxy-in-your-app prints what its README says.
 */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

const folder = fileURLToPath(new URL("../../examples/", import.meta.url))

describe("example 01-proxy-in-your-app", () => {
  it("prints what its README says", () => {
    const readme = readFileSync(`${folder}01-proxy-in-your-app/README.md`, "utf8")
    const [, promised] = /\n\n```\n(.*?)```/s.exec(readme)!
    const run = spawnSync(process.execPath, ["--conditions=source", `${folder}run.ts`, "01-proxy-in-your-app"])
    assert.strictEqual(run.stdout.toString(), promised, run.stderr.toString())
    assert.strictEqual(run.status, 0)
  })
})
