import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chromium } from "playwright-core"
import { browser, found, pageOf } from "./kit/chromium.ts"
import { holdfast } from "./kit/holdfast.ts"

describe.skipIf(!found)("a Playwright browser through the proxy", () => {
  it.live(
    "is driven over CDP and loads a page",
    () =>
      Effect.gen(function* () {
        const devtools = yield* browser
        const page = yield* pageOf(html)
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

const html = `<!doctype html><title>page</title><button onclick="document.title = 'clicked'">click</button>`
