/**
 * The page, its server, and who opens it: Chromium, if there is one on the PATH.
 */
import { existsSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { delimiter, join } from "node:path"
import { Context, Effect, Layer, Option, Queue } from "effect"
import { build } from "esbuild"
import { chromium } from "playwright-core"

/** Everything it knows of Holdfast is where it imports its WebSocket from. */
const html = `<!doctype html><title>A page that stays connected</title><script type="module">
import { WebSocket } from "/web-socket.js"
const socket = new WebSocket(new URLSearchParams(location.search).get("url"))
socket.onopen = () => { console.log("open"); socket.send("hello") }
socket.onmessage = ({ data }) => console.log(data)
socket.onaway = () => { console.log("away"); socket.send("kept") }
socket.onback = () => console.log("back")
socket.onclose = () => console.log("close")
</script>`

const script = Effect.promise(async () => {
  const { outputFiles } = await build({
    stdin: { contents: `export * from "@holdfast/websocket/WebSocket"`, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    conditions: ["source"], // this repository runs from source; yours need not say so
    write: false,
  })
  return outputFiles[0]!.text
})

/** Serves it; the answer is its address. */
const served = Effect.gen(function* () {
  const files: Readonly<Record<string, readonly [type: string, content: string]>> = {
    "/": ["text/html", html],
    "/web-socket.js": ["text/javascript", yield* script],
  }
  const server = createServer(({ url = "/" }, response) => {
    const file = files[url.replace(/\?.*/, "")]
    if (file === undefined) response.writeHead(404).end()
    else response.setHeader("content-type", `${file[0]}; charset=utf-8`).end(file[1])
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.sync(() => (server.close(), server.closeAllConnections())),
  )
  const { port } = server.address() as AddressInfo // it listens on TCP
  return `http://127.0.0.1:${port}/`
})

const executablePath = (process.env["PATH"] ?? "")
  .split(delimiter)
  .map((folder) => join(folder, "chromium"))
  .find((file) => existsSync(file))

/** Opens the page; the answer takes what it says on its console, line by line. */
export class Page extends Context.Service<
  Page,
  { readonly open: (url: string) => Effect.Effect<Option.Option<{ readonly says: Effect.Effect<string> }>> }
>()("example/Page") {
  static readonly layer = Layer.effect(
    Page,
    Effect.gen(function* () {
      if (executablePath === undefined) return { open: () => Effect.succeedNone }
      const address = yield* served
      const browser = yield* Effect.acquireRelease(
        Effect.promise(() => chromium.launch({ executablePath, args: ["--no-sandbox"] })),
        (it) => Effect.promise(() => it.close()),
      )
      const lines = yield* Queue.bounded<string>(16)
      return {
        open: (url: string) =>
          Effect.promise(async () => {
            const tab = await browser.newPage()
            // Its complaints about lost connections are the browser's own.
            tab.on("console", (line) => void (line.type() === "log" && Queue.offerUnsafe(lines, line.text())))
            await tab.goto(`${address}?url=${encodeURIComponent(url)}`)
            return Option.some({ says: Queue.take(lines) })
          }),
      }
    }),
  )
}
