import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Peers from "./peers.ts"
import * as Program from "./program.ts"
import { call, tool } from "./tool.ts"

const summary =
  /^sent ([\d,]+) {2}delivered ([\d,]+) {2}lost 0 {2}duplicated 0 {2}out of order 0 {2}[\d.]+ ms round trip$/m

const chaos =
  /^sent ([\d,]+) {2}delivered ([\d,]+) {2}uncertain ([\d,]+) {2}lost ([\d,]+) {2}duplicated ([\d,]+) {2}reconnects ([\d,]+) {2}cut off ([\d,]+) {2}out of order ([\d,]+) {2}[\d.]+ ms round trip$/m

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

  it.live("says last that it stopped, also when it drained within the second in which events wait to be logged", () =>
    Effect.gen(function* () {
      for (const time of ["300ms", "2s"]) {
        const { stderr } = yield* Program.ran(["up", "--for", time])
        assert.deepStrictEqual(stderr.match(/Draining|Drained|stopped/g), ["Draining", "Drained", "stopped"], time)
      }
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

  it.live("counts its own messages only", () =>
    Effect.gen(function* () {
      const program = yield* Program.start(["up", "--for", "1s"])
      yield* program.ready
      const mine = yield* Peers.client(program.url("proxy"))
      mine.send("1")
      assert.strictEqual(yield* mine.next, "1")
      assert.strictEqual(yield* program.exit, 0)
    }),
  )

  it.live("loses nothing but what was reported as uncertain while its upstream is killed again and again", () =>
    Effect.gen(function* () {
      const program = yield* Program.start(["up", "--chaos", "--for", "6s", "--rate", "200"])
      yield* program.ready
      yield* program.wrote("stderr", /INFO {2}the upstream is killed$/m)
      yield* program.wrote("stderr", / upstream away .* dials?$/m)
      assert.strictEqual(yield* program.exit, 0)
      const [sent = 0, delivered = 0, uncertain = 0, lost, duplicated, reconnects, cutOff = 0, outOfOrder] = (
        chaos.exec(program.stderr()) ?? []
      )
        .slice(1)
        .map((count) => Number(count.replaceAll(",", "")))
      assert.deepStrictEqual([lost, duplicated, outOfOrder], [0, 0, 0])
      assert.isAtLeast(sent, 600)
      assert.isAtLeast(delivered, sent - uncertain - cutOff)
      assert.isAtLeast(reconnects ?? 0, 1)
      assert.match(program.stdout(), /ready\n$/)
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
})

// `script` of util-linux gives a program a terminal of its own.
describe.skipIf(!tool("script", "-qec", "true", "/dev/null"))("holdfast up on a terminal", () => {
  const terminal = (env: Readonly<Record<string, string>>) => {
    const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url))
    const command = `${process.execPath} --conditions=source ${bin} up --for 1s`
    const variables = { PATH: process.env["PATH"], TERM: "xterm", ...env }
    const { stdout } = call("script", ["-qec", command, "/dev/null"], variables)
    return stdout.replaceAll("\r\n", "\n").replaceAll("\r\u001b[2K", "<clear>")
  }

  it("writes one line in place on a terminal, and colours its log", () => {
    const text = terminal({})
    assert.match(text, /<clear>sent \d+ {2}delivered \d+ {2}lost 0 .*<clear>sent \d+ /)
    assert.include(text, "\u001b[32mINFO \u001b[0m stopped")
    assert.match(text.replaceAll("<clear>", "\n"), summary)
  })

  it("has no colours on a terminal when NO_COLOR says so, and nothing in place on a dumb one", () => {
    assert.notInclude(terminal({ NO_COLOR: "1" }).replaceAll("<clear>", ""), "\u001b")
    assert.notInclude(terminal({ TERM: "dumb" }), "\u001b")
  })
})
