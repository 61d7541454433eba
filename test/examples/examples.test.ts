/**
 * Every example prints what its README says.
 */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { service } from "../interop/kit/services.ts"

const chromium = service("chromium", () => spawnSync("chromium", ["--version"]).status === 0)
const folder = fileURLToPath(new URL("../../examples/", import.meta.url))

const promised = (name: string) => /\n\n```\n(.*?)```/s.exec(readFileSync(`${folder}${name}/README.md`, "utf8"))![1]

/** What it printed; what it complained about only if it did not end well. */
const run = (name: string, env = process.env) => {
  const args = ["--conditions=source", `${folder}run.ts`, name]
  const { status, stderr, stdout } = spawnSync(process.execPath, args, { timeout: 15_000, env })
  return status === 0 ? `${stdout}` : `${stdout}${stderr}exit ${status}`
}

describe("an example prints what its README says", () => {
  it.each([
    "01-proxy-in-your-app",
    "02-link",
    "03-links-by-key",
    "04-sessions-in-your-app",
    "05-receiver",
    "06-websocket-client",
    "07-rpc-that-survives",
    "09-simulate-your-client",
    "10-chaos-on-a-real-port",
    "11-policies",
  ])("%s", (name) => assert.strictEqual(run(name), promised(name)))

  it.skipIf(!chromium)("08-browser-page", { timeout: 20_000 }, () =>
    assert.strictEqual(run("08-browser-page"), promised("08-browser-page")),
  )

  it("08-browser-page without Chromium says that it is skipped", () =>
    assert.strictEqual(
      run("08-browser-page", { PATH: "" }),
      "skipped: there is no Chromium on the PATH to open the page\n",
    ))

  it("asked for by a wrong name, the runner lists the names and exits with 2", () => {
    const said = run("99-none")
    assert.include(said, "02-link")
    assert.match(said, /exit 2$/)
  })
})
