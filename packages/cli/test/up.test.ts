import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Peers from "./peers.ts"
import * as Program from "./program.ts"

const summary = /^sent ([\d,]+) {2}delivered ([\d,]+) {2}lost 0 {2}duplicated 0 {2}out of order 0 {2}[\d.]+ ms round trip$/m

const counts = (text: string): ReadonlyArray<number> =>
  (summary.exec(text) ?? []).slice(1).map((number) => Number(number.replaceAll(",", "")))

describe("holdfast up", () => {
  it.live("counts for as long as it was told, and what was sent came back", () =>
    Effect.gen(function* () {
      const program = yield* Program.start(["up", "--for", "2s", "--rate", "200"])
      yield* program.ready
      assert.match(
        program.stdout(),
        /^listening echo ws:\/\/127\.0\.0\.1:\d+\nlistening admin http:\/\/127\.0\.0\.1:\d+\nlistening proxy ws:\/\/127\.0\.0\.1:\d+\nready\n$/,
      )
      assert.strictEqual(yield* program.exit, 0)
      const [sent = 0, delivered] = counts(program.stderr())
      assert.strictEqual(delivered, sent)
      assert.isAtLeast(sent, 200)
      assert.isAtMost(sent, 500)
      assert.notInclude(program.stderr(), "\u001b")
      assert.match(program.stdout(), /ready\n$/)
    }),
  )

  it.live("ends cleanly at SIGINT", () =>
    Effect.gen(function* () {
      const program = yield* Program.start(["up"])
      yield* program.ready
      const links = yield* Peers.ask(`${program.url("admin")}/api/links`)
      assert.strictEqual(JSON.parse(links.body)[0].target, program.url("echo"))
      const mine = yield* Peers.client(program.url("proxy"))
      mine.send("mine")
      assert.strictEqual(yield* mine.next, "mine")
      yield* program.kill("SIGINT")
      assert.strictEqual(yield* program.exit, 0)
      assert.match(program.stderr(), summary)
    }),
  )

  it.live("is not made for messages that nobody else may see: a second client's do not disturb the count", () =>
    Effect.gen(function* () {
      const program = yield* Program.start(["up", "--for", "1s"])
      yield* program.ready
      const mine = yield* Peers.client(program.url("proxy"))
      mine.send("1")
      assert.strictEqual(yield* mine.next, "1")
      assert.strictEqual(yield* program.exit, 0)
    }),
  )

  it.live("exits with 1 and one line when a port it was given is in use", () =>
    Effect.gen(function* () {
      const port = yield* Peers.taken()
      assert.deepStrictEqual(yield* Program.ran(["up", "--listen", `127.0.0.1:${port}`]), {
        code: 1,
        stdout: "",
        stderr: `holdfast: cannot listen on 127.0.0.1:${port}: the port is in use\n`,
      })
    }),
  )

  // `script` gives a program a terminal of its own.
  const terminal = (env: Readonly<Record<string, string>>) => {
    const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url))
    const command = `${process.execPath} --conditions=source ${bin} up --for 1s`
    const { stdout } = spawnSync("script", ["-qec", command, "/dev/null"], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], TERM: "xterm", ...env },
      timeout: 15_000,
    })
    return stdout
  }
  const hasScript = spawnSync("script", ["-qec", "true", "/dev/null"]).status === 0
  const missing = "no `script` of util-linux on PATH, so there is no terminal to test with"

  it("writes one line in place on a terminal, and colours its log", (context) => {
    if (!hasScript) return context.skip(missing)
    const text = terminal({})
    assert.match(text, /\r\u001b\[2Ksent \d+ {2}delivered \d+ {2}lost 0 .*\r\u001b\[2Ksent/)
    assert.include(text, "\u001b[32mINFO \u001b[0m stopped")
    assert.match(text, summary)
  })

  it("has no colours on a terminal when NO_COLOR says so, and nothing in place on a dumb one", (context) => {
    if (!hasScript) return context.skip(missing)
    assert.notMatch(terminal({ NO_COLOR: "1" }), /\u001b\[\d+m/)
    assert.notInclude(terminal({ TERM: "dumb" }), "\u001b")
  })
})
