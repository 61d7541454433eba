import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chromium } from "playwright-core"
import { holdfast } from "./kit/holdfast.ts"
import { service } from "./kit/services.ts"

const found = service("chromium", () => spawnSync("chromium", ["--version"]).status === 0)

describe.skipIf(!found)("a Playwright browser through the proxy", () => {
  it.live(
    "is driven over CDP and loads a page",
    () =>
      Effect.gen(function* () {
        const devtools = yield* browser
        const page = yield* localPage
        const program = yield* holdfast(
          "proxy",
          "--upstream",
          devtools.origin,
          "--listen",
          "127.0.0.1:0",
          "--admin",
          "off",
        )
        const driven = yield* Effect.acquireRelease(
          Effect.promise(() => chromium.connectOverCDP(program.url("proxy") + devtools.path)),
          (open) => Effect.promise(() => open.close()),
        )
        const [title, shot] = yield* Effect.promise(async () => {
          const tab = await driven.newPage()
          await tab.goto(page)
          await tab.click("button")
          return [await tab.title(), await tab.screenshot()] as const
        })
        assert.strictEqual(title, "clicked")
        assert.deepStrictEqual(shot.subarray(1, 4).toString(), "PNG")
      }),
    30_000,
  )
})

/** Debian's Chromium with a DevTools port of its own choosing; its flags keep it from looking for the network. */
const browser = Effect.gen(function* () {
  const profile = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-chromium-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })),
  )
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn("chromium", [...flags, `--user-data-dir=${profile}`], { stdio: ["ignore", "ignore", "pipe"] }),
    ),
    (running) =>
      Effect.callback<void>((resume) => {
        if (running.exitCode !== null || running.signalCode !== null) return resume(Effect.void)
        running.once("exit", () => resume(Effect.void))
        running.kill("SIGKILL")
      }),
  )
  return yield* Effect.callback<{ readonly origin: string; readonly path: string }>((resume) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      const match = /^DevTools listening on (ws:\/\/[^/]+)(\/.*)$/.exec(line)
      if (match !== null) resume(Effect.succeed({ origin: match[1]!, path: match[2]! }))
    })
  })
})

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-port=0",
]

const localPage = Effect.gen(function* () {
  const html = `<!doctype html><title>page</title><button onclick="document.title = 'clicked'">click</button>`
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(html))
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.sync(() => (server.close(), server.closeAllConnections())),
  )
  const { port } = server.address() as AddressInfo // it listens on TCP
  return `http://127.0.0.1:${port}/`
})
