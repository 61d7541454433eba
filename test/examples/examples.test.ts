/**
 * Every example prints what its README says.
 */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

const folder = fileURLToPath(new URL("../../examples/", import.meta.url))

describe("an example prints what its README says", () => {
  it.each(["01-proxy-in-your-app", "02-link", "03-links-by-key", "04-sessions-in-your-app", "05-receiver"])(
    "%s",
    (name) => {
      const [, promised] = /\n\n```\n(.*?)```/s.exec(readFileSync(`${folder}${name}/README.md`, "utf8"))!
      const run = spawnSync(process.execPath, ["--conditions=source", `${folder}run.ts`, name], { timeout: 15_000 })
      assert.strictEqual(run.stdout.toString(), promised, run.stderr.toString())
      assert.strictEqual(run.status, 0)
    },
  )

  it("asked for by a wrong name, the runner lists the names and exits with 2", () => {
    const run = spawnSync(process.execPath, ["--conditions=source", `${folder}run.ts`, "99-none"])
    assert.strictEqual(run.status, 2)
    assert.include(run.stderr.toString(), "02-link")
  })
})
