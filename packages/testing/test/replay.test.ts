import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Commands, FaultPlan } from "@holdfast/testing"
import { Effect } from "effect"
import * as Replay from "../src/internal/replay.ts"
import { own, version } from "../src/internal/version.ts"

const plan: FaultPlan.FaultPlan = {
  seed: 3,
  faults: [{ at: "2s", on: "client-server", fault: { _tag: "closeClean", reason: "it's over" } }],
  healAt: "10s",
}
const go = Commands.command({ next: (model: null) => model, run: () => Effect.void })
const commands = Commands.make({ model: null, commands: { go } })
const read = (value: unknown) => Replay.decode(JSON.stringify(value), "x.json", commands)

describe("a replay", () => {
  it("is one line without the shell's quotation mark, and is read as it was written", () => {
    const line = Replay.encode({ plan, calls: [["go", null]] })
    assert.notMatch(line, /['\n]/)
    assert.deepStrictEqual(Replay.decode(line, "x", commands), { plan, calls: [["go", null]], notes: [] })
  })

  it.effect.prop(
    "is the same again, whatever was drawn",
    [FaultPlan.arbitrary({ on: ["client-server", "server"] })],
    ([plan]) =>
      Effect.sync(() =>
        assert.deepStrictEqual(Replay.decode(Replay.encode({ plan }), "x", undefined), { plan, notes: [] }),
      ),
  )

  it("may be a plan alone", () => assert.deepStrictEqual(read(plan), { plan, notes: [] }))

  it("of another version says so, and is run", () => {
    const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
    assert.deepInclude(manifest, { version: own })
    assert.deepStrictEqual(read({ version: "0.0.9 with effect 4.0.2", plan }), {
      plan,
      notes: [`x.json is of 0.0.9 with effect 4.0.2, this is ${version()}`],
    })
  })

  it("with a field that nobody knows says so, and is run without it", () => {
    const [fault] = plan.faults
    const odd = { ...plan, mood: "bad", faults: [{ ...fault, chance: 1 }] }
    const { notes, plan: found } = read(odd)
    assert.deepStrictEqual(found, plan)
    assert.strictEqual(notes.length, 2)
    assert.match(
      notes.join("\n"),
      /x\.json: mood: unknown key.*left out[\s\S]*faults\[0\]\.chance: unknown key.*left out/,
    )
  })

  it("with a command that is no more says so", () => {
    const { calls, notes } = read({
      plan,
      commands: [
        ["go", null],
        ["stop", 1],
      ],
    })
    assert.deepStrictEqual(calls, [
      ["go", null],
      ["stop", 1],
    ])
    assert.deepStrictEqual(notes, [`x.json: no such command any more: [["stop",1]]`])
  })

  it("that is none is refused, with every field that is wrong and what was expected", () => {
    const wrong = (text: string) => () => Replay.decode(text, "x.json", commands)
    assert.throws(wrong("{"), /^x\.json is no plan: expected JSON/)
    assert.throws(
      wrong(JSON.stringify({ ...plan, healAt: "soon" })),
      /^x\.json is no plan:\nhealAt: expected a time .*"soon"/,
    )
    assert.throws(wrong(JSON.stringify({ plan, commands: [["go"]] })), /^x\.json: commands: /)
  })
})
