/**
 * `holdfast chaos` as a program of its own, in front of a WebSocket server, whose bytes it does not know.
 */
import { spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { FaultPlan } from "@holdfast/testing"
import { Effect, Result } from "effect"
import { run } from "../src/Cli.ts"
import { settingsOf } from "../src/commands/chaos.ts"
import { explainChaos } from "../src/internal/explainChaos.ts"
import { inShort } from "../src/internal/faults.ts"
import * as Peers from "./peers.ts"
import { pretend } from "./pretend.ts"
import * as Program from "./program.ts"
import { tool } from "./tool.ts"

const started = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const upstream = (yield* Peers.echo).slice("ws://".length)
    const program = yield* Program.start(["chaos", "--upstream", upstream, ...args])
    yield* program.ready
    return { program, upstream, url: program.url("chaos").replace("tcp://", "ws://") }
  })

/** Runs it on a terminal, and types each text when it has written what stands before. */
const typed = (command: string, steps: ReadonlyArray<readonly [RegExp, string]>) =>
  Effect.callback<{ readonly code: number | null; readonly written: string }>((resume) => {
    const child = spawn("script", ["-qec", command, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"] })
    let written = ""
    let next = 0
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      written += text
      while (next < steps.length && steps[next]![0].test(written)) child.stdin.write(steps[next++]![1])
    })
    child.once("close", (code) => resume(Effect.succeed({ code, written })))
    return Effect.sync(() => child.kill())
  })

const eventually = (isSo: () => boolean) =>
  Effect.repeat(Effect.sleep("5 millis"), { until: isSo }).pipe(Effect.timeout("10 seconds"), Effect.orDie)

const read = (file: string) => Result.getOrThrow(FaultPlan.decodeJson(readFileSync(file, "utf8")))

describe("holdfast chaos", () => {
  it.live("plays the faults of its command line, says so, and stops at SIGTERM", () =>
    Effect.gen(function* () {
      const { program, url } = yield* started("--fault", "latency:delay=60ms,dir=up;reset:at=message:6,for=0ms")
      assert.match(program.stdout(), /^listening chaos tcp:\/\/127\.0\.0\.1:\d+\nready\n$/)
      const client = yield* Peers.client(url)
      const from = performance.now()
      client.send("hello")
      assert.strictEqual(yield* client.next, "hello")
      assert.isAtLeast(performance.now() - from, 59)
      client.send("the fifth read, and its echo would be the sixth")
      assert.strictEqual((yield* client.closed).code, 1006)
      yield* program.wrote("stderr", /reset is over/)
      yield* program.kill("SIGTERM")
      assert.strictEqual(yield* program.exit, 0)
      const said = program.stderr().match(/(?<=INFO {2}).*/g)
      assert.deepStrictEqual(said, [
        "latency:delay=60ms,dir=up begins",
        "reset begins",
        "reset is over",
        "SIGTERM: stopping",
        "latency:delay=60ms,dir=up is over",
        "stopped",
      ])
    }),
  )

  it.live("records what the API does, as a plan that does it again", () =>
    Effect.gen(function* () {
      const file = join(yield* Program.folder, "plan.json")
      const first = yield* started("--api", "127.0.0.1:0", "--record", file)
      assert.deepStrictEqual(read(file).faults, [])
      const api = `${first.program.url("chaos-api")}/proxies/chaos`
      const client = yield* Peers.client(first.url)
      const toxic = JSON.stringify({ name: "cut", type: "reset_peer", toxicity: 1 })
      yield* Effect.promise(() => fetch(`${api}/toxics`, { method: "POST", body: toxic }))
      assert.strictEqual((yield* client.closed).code, 1006)
      yield* eventually(() => /"reset"/.test(readFileSync(file, "utf8")))
      yield* Effect.promise(() => fetch(`${api}/toxics/cut`, { method: "DELETE" }))
      yield* Effect.promise(() => fetch(api, { method: "POST", body: JSON.stringify({ enabled: false }) }))
      yield* first.program.kill("SIGINT")
      assert.strictEqual(yield* first.program.exit, 0)
      const plan = read(file)
      assert.deepStrictEqual(
        plan.faults.map(({ fault }) => fault),
        [{ _tag: "reset" }, { _tag: "refuse" }, { _tag: "closeClean" }],
      )
      const second = yield* started("--plan", file)
      yield* second.program.wrote("stderr", /the plan is over, everything is well/)
      const said = second.program.stderr().match(/\w+ begins/g)
      assert.deepStrictEqual(said, ["reset begins", "refuse begins", "closeClean begins"])
      yield* Peers.client(second.url)
    }),
  )

  it.live("has metrics and health when they are asked for", () =>
    Effect.gen(function* () {
      const { program } = yield* started("--fault", "reset:at=1h", "--admin", "127.0.0.1:0")
      yield* Peers.answers(`${program.url("admin")}/readyz`, 200)
    }),
  )

  it.live("exits with 1 when its port is taken or its record cannot be written", () =>
    Effect.gen(function* () {
      const port = yield* Peers.taken()
      const chaos = ["chaos", "--upstream", "127.0.0.1:1", "--log-level", "none"]
      const taken = yield* Program.ran([...chaos, "--fault", "reset", "--listen", `127.0.0.1:${port}`])
      assert.deepStrictEqual(taken, {
        code: 1,
        stdout: "",
        stderr: `holdfast: cannot listen on 127.0.0.1:${port}: the port is in use\n`,
      })
      const record = yield* Program.ran([...chaos, "--record", "/none/plan.json"])
      assert.deepStrictEqual(record, {
        code: 1,
        stdout: "",
        stderr: "holdfast: --record: cannot write /none/plan.json: no such folder\n",
      })
    }),
  )

  for (const [what, text, why] of [
    ["no JSON", "{", "expected JSON: "],
    [
      "no time",
      `{"seed":1,"faults":[{"at":"soon","on":"*","fault":{"_tag":"reset"}}],"healAt":"1s"}`,
      "faults[0].at: expected",
    ],
    [
      "what cannot be",
      `{"seed":1,"faults":[{"at":"0ms","on":"*","fault":{"_tag":"loss"}}],"healAt":"1s"}`,
      "faults[0]: loss cannot happen on a real port;",
    ],
  ] as const) {
    it.live(`refuses a plan with ${what} in one line`, () =>
      Effect.gen(function* () {
        const file = join(yield* Program.folder, "plan.json")
        writeFileSync(file, text)
        const { layer, written } = pretend()
        const code = yield* Effect.provide(run(["chaos", "--upstream", "a:1", "--plan", file]), layer)
        assert.deepStrictEqual([code, written.out], [2, ""])
        assert.isTrue(written.err.startsWith(`holdfast: --plan: ${file}: ${why}`), written.err)
        assert.strictEqual(written.err.trimEnd().split("\n").length, 1)
      }),
    )
  }

  it.effect("explains itself", () =>
    Effect.gen(function* () {
      const fault = "latency:delay=200ms;reset:at=connect:3,for=0ms;refuse:at=5s,for=2s"
      const settings = yield* settingsOf({ upstream: "127.0.0.1:9000", fault, api: "127.0.0.1:8474", record: "p.json" })
      assert.strictEqual(
        explainChaos(settings, yield* inShort(fault, "--fault")),
        `Clients of tcp://127.0.0.1 on a free port are joined to tcp://127.0.0.1:9000 (from --upstream), byte for byte, a connection for a connection; a client that the upstream refuses is reset.
These faults are played from the start (from --fault):
  at once: latency:delay=200ms
  at connect 3: reset, for 0ms
  after 5s: refuse, for 2s
The HTTP API of Toxiproxy is on http://127.0.0.1:8474 (from --api), for this machine only; this proxy is called chaos there.
What goes wrong is written to p.json (from --record), as a plan that plays it again.
With a terminal, keys make things go wrong; ? lists them.
On SIGTERM or SIGINT all connections are reset. The exit code is 0.
The log goes to stderr as lines for people, info and worse.
`,
      )
    }).pipe(Effect.provide(pretend().layer)),
  )

  it.live("has its config file checked without looking for its plan", () =>
    Effect.gen(function* () {
      const file = join(yield* Program.folder, "holdfast.yaml")
      writeFileSync(file, "chaos:\n  upstream: 127.0.0.1:9000\n  plan: none.json\n")
      const { layer, written } = pretend()
      const code = yield* Effect.provide(run(["check-config", "chaos", "--config", file]), layer)
      assert.deepStrictEqual([code, written.err], [0, ""])
      assert.include(written.out, `The faults in none.json (from ${file}) are played once, from the start;`)
    }),
  )

  const hasTerminal = tool("script", "--version")

  it.live.skipIf(!hasTerminal)("on a terminal hears keys, shows what is on, and stops at q", () =>
    Effect.gen(function* () {
      const file = join(yield* Program.folder, "plan.json")
      const command = `${process.execPath} --conditions=source ${Program.bin} chaos --upstream 127.0.0.1:1 --record ${file}`
      const { code, written } = yield* typed(command, [
        [/l latency on\/off/, "l"],
        [/connections 0 {2}latency/, "r"],
        [/reset is over/, "h"],
        [/latency\S+ is over/, "s"],
        [/connections 0 {2}slow/, "s"],
        [/bandwidth\S+ is over/, "zq"],
      ])
      assert.strictEqual(code, 0, written)
      assert.deepStrictEqual(
        read(file).faults.map(({ fault }) => fault._tag),
        ["latency", "reset", "bandwidth"],
      )
    }),
  )

  it.live.skipIf(!hasTerminal)(
    "in the background of a terminal leaves it alone, and is not stopped for touching it",
    () =>
      Effect.gen(function* () {
        const command = `${process.execPath} --conditions=source ${Program.bin} chaos --upstream 127.0.0.1:1 --fault reset`
        const { code, written } = yield* typed(`sh -mc "${command} & read line; kill \\$! && wait \\$!"`, [
          [/ready/, "\n"],
        ])
        assert.strictEqual(code, 0, written)
        assert.notInclude(written, "l latency on/off")
      }),
  )
})
