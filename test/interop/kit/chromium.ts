/**
 * Debian's Chromium, from PATH.
 */
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Effect } from "effect"
import { service } from "./services.ts"

/** Whether it is there. */
export const found = service("chromium", () => spawnSync("chromium", ["--version"]).status === 0)

/** A browser with a DevTools port of its own choosing; its flags keep it from looking for the network. */
export const browser = Effect.gen(function* () {
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

/** A page on an origin of its own; the answer is its URL. */
export const pageOf = Effect.fnUntraced(function* (html: string) {
  const server = createServer((_, response) => response.setHeader("content-type", "text/html; charset=utf-8").end(html))
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.sync(() => (server.close(), server.closeAllConnections())),
  )
  const { port } = server.address() as AddressInfo // it listens on TCP
  return `http://127.0.0.1:${port}/`
})
