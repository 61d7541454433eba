import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Peers from "./peers.ts"
import * as Program from "./program.ts"

const proxy = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const upstream = yield* Peers.echo
    const free = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    const program = yield* Program.start(["proxy", "--upstream", upstream, ...free, ...args])
    yield* program.ready
    return { program, upstream }
  })

describe("holdfast status", () => {
  it.live("shows what a running program says about itself, in tables and as JSON", () =>
    Effect.gen(function* () {
      const { program, upstream } = yield* proxy()
      yield* Peers.client(program.url("proxy"), { headers: { "x-connection-id": "me" } })
      const admin = program.url("admin")
      const people = yield* Program.ran(["status", "--admin", admin])
      assert.deepStrictEqual(people, {
        code: 0,
        stderr: "",
        stdout: [
          `${admin} is ready`,
          "",
          "check    state  why",
          "program  ok",
          "proxy    ok",
          "",
          `${"link".padEnd(upstream.length)}  program  state  refs  attempts  last error`,
          `${upstream}  proxy    Ready  1     1         -`,
          "",
          "session  state   client     upstream  buffered  bytes  resumes",
          "me       Active  connected  Ready     0         0      0",
          "",
        ].join("\n"),
      })
      const machine = yield* Program.ran(["status", "--json"], { HOLDFAST_ADMIN: admin.slice("http://".length) })
      const report = JSON.parse(machine.stdout)
      assert.deepStrictEqual(
        [machine.code, report.admin, report.ready, report.links[0].target, report.sessions[0].id],
        [0, admin, true, upstream, "me"],
      )
    }),
  )

  it.live("exits with 1 when the program is not ready, and says why", () =>
    Effect.gen(function* () {
      const { program } = yield* proxy("--drain-delay", "1h")
      yield* program.kill("SIGTERM")
      yield* Peers.answers(`${program.url("admin")}/readyz`, 503)
      const { code, stdout } = yield* Program.ran(["status", "--admin", program.url("admin")])
      assert.strictEqual(code, 1)
      assert.include(stdout, "is not ready\n")
      assert.include(stdout, "program  failed  shutting down\n")
      assert.include(stdout, "(none)\n")
    }),
  )

  it.live("exits with 1 and one line when nobody answers", () =>
    Effect.gen(function* () {
      const port = yield* Effect.scoped(Peers.taken())
      assert.deepStrictEqual(yield* Program.ran(["status", "--admin", `http://127.0.0.1:${port}`]), {
        code: 1,
        stdout: "",
        stderr: `holdfast: http://127.0.0.1:${port}: nobody listens there\n`,
      })
    }),
  )

  const noAdmin = (origin: string, answered: string) => ({
    code: 1,
    stdout: "",
    stderr:
      `holdfast: ${origin}: this is no admin listener, ${answered}; ` +
      "the one of holdfast proxy is on http://127.0.0.1:9464 unless it prints another\n",
  })

  it.live("exits with 1 and one line that names the default when the proxy's own port or somebody else answers", () =>
    Effect.gen(function* () {
      const { program } = yield* proxy()
      const door = program.url("proxy").replace("ws:", "http:")
      assert.deepStrictEqual(
        yield* Program.ran(["status", "--admin", door]),
        noAdmin(door, "/readyz?verbose answered 426, as a WebSocket port does"),
      )
      const origin = (yield* Peers.echo).replace("ws:", "http:")
      assert.deepStrictEqual(
        yield* Program.ran(["status", "--admin", origin]),
        noAdmin(origin, "/readyz?verbose answered 200, but not as one does"),
      )
    }),
  )

  it.live("exits with 1 and one line when what answers is of another version, or in trouble", () =>
    Effect.gen(function* () {
      const healthy: Peers.Answering = [200, "[+]apiserver ok\nreadyz check passed\n"]
      const said = (origin: string) => Effect.map(Program.ran(["status", "--admin", origin]), ({ stderr }) => stderr)
      const other = yield* Peers.answering({
        "/readyz?verbose": healthy,
        "/api/links": [200, "[{}]"],
        "/api/sessions": [200, "[]"],
      })
      assert.strictEqual(
        yield* said(other),
        `holdfast: ${other}: /api/links answered something else than this version of holdfast does\n`,
      )
      const stranger = yield* Peers.answering({ "/readyz?verbose": healthy })
      assert.strictEqual(yield* said(stranger), noAdmin(stranger, "/api/links answered 404").stderr)
      const sick = yield* Peers.answering({ "/readyz?verbose": [502, ""] })
      assert.strictEqual(yield* said(sick), `holdfast: ${sick}: /readyz?verbose answered 502\n`)
    }),
  )

  it.live("shows its token where one is asked for", () =>
    Effect.gen(function* () {
      const file = join(yield* Program.folder, "token")
      writeFileSync(file, "s3cret\n")
      const { program } = yield* proxy("--admin-token-file", file)
      const admin = program.url("admin")
      assert.strictEqual((yield* Program.ran(["status", "--admin", admin, "--token-file", file])).code, 0)
      const without = yield* Program.ran(["status", "--admin", admin])
      assert.deepStrictEqual([without.code, without.stdout], [1, ""])
      assert.strictEqual(
        without.stderr,
        `holdfast: ${admin}: /api/links answered 401; give its token with --token-file\n`,
      )
    }),
  )
})
