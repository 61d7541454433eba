import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Peers from "./peers.ts"
import * as Program from "./program.ts"

const free = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]

/** A proxy that is ready, in front of an echo server. */
const proxy = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const upstream = yield* Peers.echo
    const program = yield* Program.start([
      "proxy",
      "--upstream",
      upstream,
      ...(args.includes("--listen") ? [] : free),
      ...args,
    ])
    yield* program.ready
    return program
  })

describe("holdfast proxy", () => {
  it.live("says where it listens and that it is ready, and nothing else on stdout", () =>
    Effect.gen(function* () {
      const program = yield* proxy()
      const client = yield* Peers.client(program.url("proxy"))
      client.send("through")
      assert.strictEqual(yield* client.next, "through")
      assert.deepStrictEqual(yield* Peers.ask(`${program.url("admin")}/readyz`), { status: 200, body: "ok" })
      yield* program.kill("SIGTERM")
      assert.deepStrictEqual(yield* client.closed, { code: 1012, reason: "proxy is shutting down" })
      assert.strictEqual(yield* program.exit, 0)
      assert.match(
        program.stdout(),
        /^listening admin http:\/\/127\.0\.0\.1:\d+\nlistening proxy ws:\/\/127\.0\.0\.1:\d+\nready\n$/,
      )
    }),
  )

  it.live("has no admin listener when that is off", () =>
    Effect.gen(function* () {
      const program = yield* proxy("--listen", "127.0.0.1:0", "--admin", "off")
      assert.match(program.stdout(), /^listening proxy ws:\/\/127\.0\.0\.1:\d+\nready\n$/)
      yield* program.kill("SIGINT")
      assert.strictEqual(yield* program.exit, 0)
    }),
  )

  it.live("does what its flags, its environment and its config file say", () =>
    Effect.gen(function* () {
      const upstream = yield* Peers.echo
      const file = join(yield* Program.folder, "h.yaml")
      writeFileSync(file, `proxy:\n  upstream: ${upstream}\n  http: forward\n  max-sessions: 5\n`)
      const program = yield* Program.start(["proxy", ...free], { HOLDFAST_CONFIG: file, HOLDFAST_MAX_SESSIONS: "1" })
      yield* program.ready
      const http = program.url("proxy").replace("ws:", "http:")
      assert.deepStrictEqual(yield* Peers.ask(http), { status: 200, body: "plain" })
      yield* Peers.client(program.url("proxy"))
      const error = yield* Effect.flip(Peers.client(program.url("proxy")))
      assert.strictEqual(error.message, "Unexpected server response: 503")
    }),
  )

  it.live("lets a client that vanished back into its session, and only with its token", () =>
    Effect.gen(function* () {
      const program = yield* proxy("--heartbeat", "1s", "--linger", "10s")
      const first = yield* Peers.client(program.url("proxy"))
      const ticket = {
        "x-reconnect-id": first.header("x-connection-id"),
        "x-resume-token": first.header("x-resume-token"),
      }
      assert.match(ticket["x-resume-token"], /^[\w-]{22,}$/)
      first.cut()
      const wrong = { ...ticket, "x-resume-token": "guessed" }
      const error = yield* Effect.flip(Peers.client(program.url("proxy"), { headers: wrong }))
      assert.strictEqual(error.message, "Unexpected server response: 404")
      const second = yield* Peers.client(program.url("proxy"), { headers: ticket })
      second.send("still here")
      assert.strictEqual(yield* second.next, "still here")
      const sessions = yield* Peers.ask(`${program.url("admin")}/api/sessions`)
      assert.deepStrictEqual(
        JSON.parse(sessions.body).map((row: { id: string; resumes: number }) => [row.id, row.resumes]),
        [[ticket["x-reconnect-id"], 1]],
      )
    }),
  )

  it.live("is in the mode, and speaks the dialect, that it was told", () =>
    Effect.gen(function* () {
      const sender = yield* proxy("--mode", "sender")
      assert.strictEqual((yield* Peers.client(sender.url("proxy"))).header("x-resume-token"), "")
      const compat = yield* proxy("--compat", "ws-reconnect-proxy")
      const first = yield* Peers.client(compat.url("proxy"), { headers: { "x-connection-id": "me" } })
      first.cut()
      const second = yield* Peers.client(compat.url("proxy"), { headers: { "x-reconnect-id": "me" } })
      assert.strictEqual(second.header("x-connection-id"), "me")
    }),
  )

  it.live("exits with 1 and one line when its port is in use, and says nothing on stdout", () =>
    Effect.gen(function* () {
      const port = yield* Peers.taken()
      const args = [
        "proxy",
        "--upstream",
        "ws://127.0.0.1:9",
        "--admin",
        "127.0.0.1:0",
        "--listen",
        `127.0.0.1:${port}`,
      ]
      assert.deepStrictEqual(yield* Program.ran(args), {
        code: 1,
        stdout: "",
        stderr: `holdfast: cannot listen on 127.0.0.1:${port}: the port is in use\n`,
      })
    }),
  )

  it.live("exits with 1 and one line when the admin port it was given is in use", () =>
    Effect.gen(function* () {
      const port = yield* Peers.taken()
      const args = [
        "proxy",
        "--upstream",
        "ws://127.0.0.1:9",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        `127.0.0.1:${port}`,
      ]
      assert.deepStrictEqual(yield* Program.ran(args), {
        code: 1,
        stdout: "",
        stderr: `holdfast: cannot listen on 127.0.0.1:${port}: the port is in use\n`,
      })
    }),
  )

  it.live("takes a free admin port when nobody gave it one and the usual one is in use", () =>
    Effect.gen(function* () {
      if (yield* Peers.isFree(9464)) yield* Peers.taken(9464)
      const program = yield* proxy("--listen", "127.0.0.1:0")
      assert.match(program.url("admin"), /^http:\/\/127\.0\.0\.1:\d+$/)
      assert.notStrictEqual(program.url("admin"), "http://127.0.0.1:9464")
      assert.strictEqual((yield* Peers.ask(`${program.url("admin")}/readyz`)).status, 200)
    }),
  )

  it.live("goes on when nobody reads its stdout any more", () =>
    Effect.gen(function* () {
      const upstream = yield* Peers.echo
      const [listen, admin] = [yield* freePort, yield* freePort]
      const args = ["proxy", "--upstream", upstream, "--listen", `127.0.0.1:${listen}`, "--admin", `127.0.0.1:${admin}`]
      const program = yield* Program.start(args)
      yield* program.closeStdout
      yield* Peers.answers(`http://127.0.0.1:${admin}/readyz`, 200)
      const client = yield* Peers.client(`ws://127.0.0.1:${listen}`)
      client.send("still")
      assert.strictEqual(yield* client.next, "still")
      yield* program.kill("SIGTERM")
      assert.strictEqual(yield* program.exit, 0)
      assert.notInclude(program.stderr(), "EPIPE")
    }),
  )

  it.live("logs without colours where no terminal is, and as JSON when asked to", () =>
    Effect.gen(function* () {
      const plain = yield* proxy()
      yield* plain.kill("SIGTERM")
      yield* plain.exit
      assert.match(plain.stderr(), /^\S+Z INFO  SIGTERM: stopping\n(\S+Z INFO {2}.*\n)*\S+Z INFO {2}stopped\n$/)

      const json = yield* proxy("--log-format", "json", "--log-level", "debug")
      const client = yield* Peers.client(json.url("proxy"))
      client.send("hello")
      yield* client.next
      yield* json.wrote("stderr", /"Connected"/)
      yield* json.kill("SIGTERM")
      yield* json.exit
      const messages = json
        .stderr()
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).message)
      for (const message of ["Connecting", "Connected", "SIGTERM: stopping", "stopped"])
        assert.include(messages, message)
    }),
  )
})

describe("the end of a proxy", () => {
  it.live("comes after a time of serving while it says that it is not ready; then 1012 and exit 0", () =>
    Effect.gen(function* () {
      const program = yield* proxy("--drain-delay", "1500ms", "--drain-timeout", "2s")
      const first = yield* Peers.client(program.url("proxy"))
      yield* program.kill("SIGTERM")
      const { body } = yield* Peers.answers(`${program.url("admin")}/readyz?verbose`, 503)
      assert.include(body, "[-]program failed: shutting down\n")
      assert.strictEqual((yield* Peers.ask(`${program.url("admin")}/livez`)).status, 200)
      const late = yield* Peers.client(program.url("proxy"))
      late.send("served")
      assert.strictEqual(yield* late.next, "served")
      assert.deepStrictEqual(yield* Effect.all([first.closed, late.closed]), [
        { code: 1012, reason: "proxy is shutting down" },
        { code: 1012, reason: "proxy is shutting down" },
      ])
      assert.strictEqual(yield* program.exit, 0)
    }),
  )

  it.live("comes at once, with exit code 1, at the second signal", () =>
    Effect.gen(function* () {
      const program = yield* proxy("--drain-delay", "1h")
      const client = yield* Peers.client(program.url("proxy"))
      yield* program.kill("SIGTERM")
      yield* Peers.answers(`${program.url("admin")}/readyz`, 503)
      yield* program.kill("SIGINT")
      assert.strictEqual(yield* program.exit, 1)
      assert.strictEqual((yield* client.closed).code, 1006)
    }),
  )

  it.live("takes the echo of a signal, as npm sends it, for the same signal", () =>
    Effect.gen(function* () {
      const program = yield* proxy()
      const client = yield* Peers.client(program.url("proxy"))
      yield* Effect.all([program.kill("SIGINT"), program.kill("SIGINT")])
      assert.strictEqual((yield* client.closed).code, 1012)
      assert.strictEqual(yield* program.exit, 0)
    }),
  )

  it.live("does not wait for somebody who watches its events", () =>
    Effect.gen(function* () {
      const program = yield* proxy()
      yield* Effect.forkScoped(Effect.ignore(Peers.ask(`${program.url("admin")}/api/events`)))
      const client = yield* Peers.client(program.url("proxy"))
      yield* program.kill("SIGTERM")
      yield* client.closed
      assert.strictEqual(yield* Effect.timeout(program.exit, "5 seconds"), 0)
    }),
  )
})

const freePort = Effect.scoped(Peers.taken())
