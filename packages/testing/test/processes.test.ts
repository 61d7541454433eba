import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

const fixture = fileURLToPath(new URL("fixture/lossy.ts", import.meta.url))
const old = fileURLToPath(new URL("../../../node_modules/node-22-linux-x64/bin/node", import.meta.url))
const hasOld = existsSync(old) && !process.version.startsWith("v22.")
if (!hasOld) console.log("skipped: there is no other version of Node here")

/** What the fixture prints: what it found on the first line, and behind it all that must be the same. */
const explored = (node: string, replay: string) => {
  const clean = { HOLDFAST_SEED: "", HOLDFAST_RUNS: "", HOLDFAST_TIME: "", HOLDFAST_FAILURES: "" }
  const { stderr, stdout } = spawnSync(node, ["--conditions=source", fixture], {
    env: { ...process.env, ...clean, HOLDFAST_REPLAY: replay },
    timeout: 20_000,
  })
  const [first, ...rest] = stdout.toString().split("\n")
  assert.isNotEmpty(first, stderr.toString())
  const found: { readonly simplified: boolean; readonly replay: string } = JSON.parse(first!)
  return { ...found, told: rest.join("\n") }
}

const versionOf = (node: string) => spawnSync(node, ["--version"]).stdout.toString()

describe("a printed replay line", { timeout: 60_000 }, () => {
  const found = explored(process.execPath, "")
  const [, line] = /^HOLDFAST_REPLAY='(.*)'$/.exec(found.replay)!

  it("tells the same in another process, byte by byte", () => {
    assert.isTrue(found.simplified)
    assert.include(found.told, `"no loss from send to receive"`)
    assert.strictEqual(explored(process.execPath, line!).told, found.told)
  })

  it.skipIf(!hasOld)("tells the same under another version of Node", () => {
    assert.match(versionOf(old), /^v22\./)
    assert.strictEqual(explored(old, line!).told, found.told)
  })

  it.skipIf(!hasOld)("is what another version of Node prints", () => assert.deepStrictEqual(explored(old, ""), found))
})
