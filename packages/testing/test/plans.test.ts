import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import { Check, Commands, type Fault, FaultPlan, History, Sim, VirtualNetwork } from "@holdfast/testing"
import { Arbitrary, Effect, Result, Schema } from "effect"
import { clean, explored, replaying, restore, thrown } from "./surroundings.ts"

let folder = ""
beforeEach(() => {
  clean()
  folder = mkdtempSync(join(tmpdir(), "holdfast-"))
})
afterEach(() => {
  restore()
  rmSync(folder, { recursive: true })
})

/** Says something every second, on the one connection it has; what becomes of it is in the history. */
const talk = (times: number) =>
  Effect.gen(function* () {
    const network = yield* VirtualNetwork.VirtualNetwork
    const [client, server] = [network.host("client"), network.host("server")]
    const { seen } = yield* server.run(History.writer)
    yield* server.onWebSocket(80, (socket) => socket.on("message", (data) => seen("heard", String(data))))
    yield* Effect.gen(function* () {
      const write = yield* History.writer
      const socket: VirtualNetwork.WebSocketLike = client.webSocket("ws://server")
      socket.on("error", () => {})
      let done = false
      socket.on("close", (code) => (done ? undefined : write.seen("closed", 1, code)))
      for (let n = 1; n <= times; n++) {
        yield* Effect.sleep("1 second")
        if (socket.readyState === 1) yield* Effect.sync(() => socket.send(`${n}`)).pipe(History.attempt("say", n))
      }
      yield* Sim.healed
      yield* Effect.sleep("10 seconds")
      done = true
      socket.terminate()
    }).pipe(client.run)
  })

const named = (host: string) => Effect.map(VirtualNetwork.VirtualNetwork, (network) => network.host(host))

const faults: FaultPlan.Options = {
  on: ["client-server"],
  kinds: ["reset", "latency", "closeClean"],
  within: "5 seconds",
}
const noLoss = Check.noLoss({ sent: "say", received: "heard" })
const failing: FaultPlan.FaultPlan = {
  seed: 0,
  faults: [{ at: "1500ms", on: "client-server", fault: { _tag: "reset" }, for: "1s" }],
  healAt: "2500ms",
}
/** Fails once the connection has been lost. */
const stays: Check.Check = {
  name: "stays",
  judge: (rows) => rows.filter(({ op, value }) => op === "closed" && value === 1006).slice(0, 1),
}
const never: Check.Check = { name: "never", judge: () => [] }

describe("an exploration of plans", () => {
  it("passes as many plans as asked for", () =>
    assert.deepStrictEqual(Sim.explore({ faults, runs: 50, check: [never], seed: 0 }, talk(3)), {
      _tag: "Passed",
      runs: 50,
    }))

  it("finds a plan that breaks a check, and the smallest that breaks it in the same way", () => {
    const report = explored({ faults, check: [noLoss], seed: 0 }, talk(3))
    assert.strictEqual(report.plan.faults.length, 1)
    assert.isAtLeast(report.first.faults.length, 1)
    assert.deepStrictEqual(
      report.broken.map(({ check }) => check),
      [noLoss.name],
    )
    assert.deepStrictEqual(
      report.broken[0]!.rows.map(({ kind, op }) => [kind, op]),
      [["ok", "say"]],
    )
    assert.isTrue(Result.isSuccess(FaultPlan.decode(report.plan)))
  })

  it("does not slip from one mistake to another while it shrinks", () => {
    // No plan that is drawn breaks the second check, and the simplest of all do.
    const lasts = (rows: ReadonlyArray<History.Row>) => {
      const [begin, end] = rows.filter(({ kind, op }) => kind === "fault" && op !== "heal")
      return begin === undefined || end === undefined ? Infinity : end.at - begin.at
    }
    const long: Check.Check = {
      name: "long",
      judge: (rows) => (lasts(rows) > 1000 && lasts(rows) < Infinity ? [rows[0]!] : []),
    }
    const short: Check.Check = { name: "short", judge: (rows) => (lasts(rows) < 100 ? [rows[0]!] : []) }
    const found = (check: ReadonlyArray<Check.Check>) => explored({ faults, check, seed: 0 }, talk(3))
    assert.deepStrictEqual(found([long, short]).plan, found([long]).plan)
    assert.deepStrictEqual(
      found([long, short]).broken.map(({ check }) => check),
      ["long"],
    )
  })

  it("is the same for the same seed, and another for another", () => {
    const found = (seed: number) => explored({ faults, check: [stays], seed }, talk(3))
    assert.deepStrictEqual(found(1), found(1))
    assert.notDeepEqual(found(1).first, found(2).first)
  })

  it("does not depend on what others have set for their properties", () => {
    const found = () => explored({ faults, check: [stays], seed: 1 }, talk(3))
    const before = found()
    Arbitrary.configureGlobal({ check: { concurrency: 4, runs: 3, size: 1, maxShrinks: 0, seed: 9 } })
    const after = found()
    Arbitrary.configureGlobal({})
    assert.deepStrictEqual(after, before)
  })

  it("fails when its faults could hit nobody: no run had such a host", () => {
    const misspelt = { ...faults, on: ["client-sever", "client-server", "*"] }
    assert.deepStrictEqual(Sim.explore({ faults: misspelt, runs: 5, seed: 0 }, talk(1)), {
      _tag: "Unseen",
      runs: 5,
      unseen: ['faults hit a host "sever"; there were only client and server'],
    })
    assert.deepStrictEqual(Sim.explore({ faults, runs: 1, seed: 0 }, Effect.void), {
      _tag: "Unseen",
      runs: 1,
      unseen: ['faults hit a host "client"; there was none', 'faults hit a host "server"; there was none'],
    })
  })

  it("names kinds of faults that do not exist, and a check that cannot judge", () => {
    const kinds = ["reset", "rest"] as ReadonlyArray<Fault.Kind>
    assert.throws(
      () => Sim.explore({ faults: { ...faults, kinds } }, talk(1)),
      /^`kinds`: there is no fault "rest"; there are latency, .* and clockSkew$/,
    )
    const broken = new Error("no rows")
    const judge: Check.Check["judge"] = () => {
      throw broken
    }
    assert.throws(
      () => Sim.explore({ check: [{ name: "odd", judge }], runs: 1 }, Effect.void),
      /^the check "odd" cannot judge: Error: no rows$/,
    )
  })

  it("goes on in batches when only a time limits it", () => {
    const program = Effect.asVoid(Effect.all([named("client"), named("server")]))
    const report = Sim.explore({ faults, time: "600 millis", seed: 0 }, program)
    assert.isTrue(report._tag === "Passed" && report.runs > 200)
  })

  it("a replay runs the plan alone, whatever else was asked for", () => {
    const report = explored({ faults, check: [stays], seed: 0, failures: folder }, talk(3))
    replaying(report)
    const again = explored({ faults, check: [stays], seed: 99, runs: 5, corpus: "no such folder" }, talk(3))
    assert.deepStrictEqual(again, { ...report, runs: 1, first: report.plan, files: [] })
  })

  it("shrinks a sequence of commands together with the plan", () => {
    const go = Commands.command({
      input: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 })),
      next: (model: null) => model,
      run: (say: (n: number) => Effect.Effect<void>, n) => say(n),
    })
    const commands = Commands.make({ model: null, commands: { go } })
    const program = Effect.gen(function* () {
      const network = yield* VirtualNetwork.VirtualNetwork
      yield* network.host("server").onWebSocket(80, () => {})
      const socket: VirtualNetwork.WebSocketLike = network.host("client").webSocket("ws://server")
      socket.on("error", () => {})
      yield* commands.play((n) =>
        Effect.andThen(Effect.sleep(n * 1000), socket.readyState === 3 ? Effect.die("it was closed") : Effect.void),
      )
      socket.terminate()
    })
    const report = explored({ faults, commands, seed: 0, runs: 1000 }, program)
    assert.deepStrictEqual([report.plan.faults.length, report.commands?.length], [1, 2])
    assert.include(report.replay, `"commands":[["go",`)
  })
})

describe("a corpus", () => {
  const corpus = () => join(folder, "corpus")
  const keep = (name: string, text: string) => {
    mkdirSync(corpus(), { recursive: true })
    writeFileSync(join(corpus(), name), text)
  }

  it("runs first, and a plan of it that fails is named", () => {
    keep("b.json", FaultPlan.format(failing))
    keep("a.json", FaultPlan.format(FaultPlan.none))
    keep("notes.txt", "no plan")
    const report = explored({ faults, check: [stays], corpus: corpus() }, talk(3))
    assert.deepStrictEqual([report.plan, report.runs], [failing, 2])
    assert.deepStrictEqual(report.notes, [`the plan is ${join(corpus(), "b.json")}`])
  })

  it("of another version says so, whether it fails or not", () => {
    keep("old.json", JSON.stringify({ version: "0.0.1 with effect 4.0.0", plan: failing, mood: "bad" }))
    const message = thrown({ faults, check: [stays], corpus: corpus() }, talk(3)).message
    assert.match(message, /note: .*old\.json is of 0\.0\.1 with effect 4\.0\.0, this is /)
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {})
    Sim.assert({ faults, runs: 1, corpus: corpus() }, talk(1))
    assert.match(String(warn.mock.calls), /passed, but note: .*old\.json is of 0\.0\.1/)
    warn.mockRestore()
  })

  it("with a file that is no plan names the field and what was expected", () => {
    keep("bad.json", JSON.stringify({ ...failing, healAt: "soon" }))
    assert.throws(
      () => Sim.explore({ corpus: corpus() }, Effect.void),
      /bad\.json is no plan:\nhealAt: expected a time .*"soon"/,
    )
    assert.throws(() => Sim.explore({ corpus: join(folder, "none") }, Effect.void), /corpus: there is no folder .*none/)
  })
})

describe("a failure", () => {
  it("is written where it was asked for, and its plan can be kept in a corpus", () => {
    const failures = join(folder, "failures")
    const report = explored({ faults, check: [stays], seed: 0, failures }, talk(3))
    const [hash] = readdirSync(failures)
    const files = join(failures, hash!)
    assert.strictEqual(hash, report.hash)
    assert.deepStrictEqual(readdirSync(files).sort(), ["history.jsonl", "plan.json", "timeline.svg"])
    const history = History.decode(readFileSync(join(files, "history.jsonl"), "utf8"))
    assert.deepStrictEqual(Result.getOrThrow(history), report.history)
    const again = explored({ faults, check: [stays], corpus: files }, talk(3))
    assert.deepStrictEqual([again.hash, again.runs], [report.hash, 1])
  })

  it("is not written unless somebody asks, which the environment may do", () => {
    assert.deepStrictEqual(explored({ faults, check: [stays], seed: 0 }, talk(3)).files, [])
    vi.stubEnv("HOLDFAST_FAILURES", join(folder, "asked"))
    assert.lengthOf(explored({ faults, check: [stays], seed: 0 }, talk(3)).files, 3)
  })

  it("says the verdict, the plan, the timeline and the replay", () => {
    const { message } = thrown({ faults, check: [stays], seed: 0 }, talk(3))
    const parts = [
      /^run \d+ of this exploration fails\nbroken: stays\n {2}\S+ m?s client: ok closed 1 1006\n/,
      /\nthe smallest plan that fails like this.*:\n\{\n {2}"seed": \d+,\n {2}"faults": \[\n {4}\{ "at": /,
      /\nfault client-server {2}\S{72}\nclient {15}\S*#\S*\n/,
      /\nagain: HOLDFAST_REPLAY='\{.*\}' the command of this test$/,
    ]
    for (const part of parts) assert.match(message, part)
  })
})

describe("sometimes", () => {
  const closes = Check.sometimes("it was closed politely", (rows) =>
    rows.some(({ op, value }) => op === "closed" && value === 1001),
  )
  it("passes when it was so in one run at least", () =>
    assert.strictEqual(Sim.explore({ faults, check: [closes], seed: 0 }, talk(3))._tag, "Passed"))

  it("fails an exploration in which it never was", () => {
    const gentle = { ...faults, kinds: ["latency"] as const }
    assert.deepStrictEqual(Sim.explore({ faults: gentle, check: [closes], runs: 20, seed: 0 }, talk(3)), {
      _tag: "Unseen",
      runs: 20,
      unseen: ["it was closed politely"],
    })
    const error = thrown({ faults: gentle, check: [closes], runs: 20, seed: 0 }, talk(3))
    assert.match(error.message, /^20 runs, and this has never happened:\n {2}it was closed politely\n/)
    assert.notProperty(error, "cause")
  })

  it("is not asked of a replay, nor of an exploration that is cut short from outside", () => {
    vi.stubEnv("HOLDFAST_RUNS", "1")
    assert.strictEqual(Sim.explore({ faults, check: [closes] }, talk(3))._tag, "Passed")
    vi.stubEnv("HOLDFAST_REPLAY", JSON.stringify(FaultPlan.none))
    assert.strictEqual(Sim.explore({ faults, check: [closes] }, talk(3))._tag, "Passed")
  })
})
