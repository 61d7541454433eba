import { assert, describe, it } from "@effect/vitest"
import { Fault, FaultPlan } from "@holdfast/testing"
import { Arbitrary, Effect, Result } from "effect"

const options: FaultPlan.Options = { on: ["client-server", "server"], kinds: Fault.all, atMost: 8 }
const everything = FaultPlan.arbitrary(options)

const plan: FaultPlan.FaultPlan = {
  seed: 7,
  faults: [
    { at: "2s", on: "client-server", fault: { _tag: "blackhole" }, for: "5s" },
    { at: "message:10", on: "server", fault: { _tag: "crash", keepState: false } },
  ],
  healAt: "30s",
}

const problems = (value: unknown): string => {
  const decoded = FaultPlan.decode(value)
  return Result.isFailure(decoded) ? decoded.failure.message : assert.fail("it was accepted")
}
const textProblems = (text: string): string => {
  const decoded = FaultPlan.decodeText(text)
  return Result.isFailure(decoded) ? decoded.failure.message : assert.fail("it was accepted")
}

describe("FaultPlan", () => {
  it("is written a fault to a line, and read again", () => {
    assert.strictEqual(
      FaultPlan.format(plan),
      `{
  "seed": 7,
  "faults": [
    { "at": "2s", "on": "client-server", "fault": { "_tag": "blackhole" }, "for": "5s" },
    { "at": "message:10", "on": "server", "fault": { "_tag": "crash", "keepState": false } }
  ],
  "healAt": "30s"
}
`,
    )
    assert.strictEqual(FaultPlan.format(FaultPlan.none), `{\n  "seed": 0,\n  "faults": [],\n  "healAt": "0ms"\n}\n`)
    assert.deepStrictEqual(FaultPlan.decodeJson(FaultPlan.format(plan)), Result.succeed(plan))
  })

  it("an invalid one is told field by field, with what was expected", () => {
    const at = `a time such as "2s" or an event such as "connect:3" or "message:10"`
    assert.deepStrictEqual(
      problems({
        seed: 1.5,
        faults: [
          { at: "soon", on: "", fault: { _tag: "latency", delay: 3 }, fr: 1 },
          { at: "message:0", on: "a-b", fault: { _tag: "reset", after: "5 s" } },
          { fault: { _tag: "crash" } },
          "reset",
        ],
        heal: "1s",
      }).split("\n"),
      [
        "heal: unknown key; a plan has seed, faults and healAt",
        "seed: expected a whole number from 0, not 1.5",
        "faults[0].fr: unknown key; a fault of a plan has at, on, fault and for",
        `faults[0].at: expected ${at}, not "soon"`,
        'faults[0].on: expected a host such as "server", a link such as "client-server", or "*", not ""',
        "faults[0].fault.delay: expected a time such as 250ms, 10s or 5m, not 3",
        `faults[1].at: expected ${at}, not "message:0"`,
        'faults[1].fault.after: expected a time such as 250ms or a size such as 64KiB, not "5 s"',
        `faults[2].at: expected ${at}, which is missing`,
        'faults[2].on: expected a host such as "server", a link such as "client-server", or "*", which is missing',
        'faults[3]: expected object, not "reset"',
        "healAt: expected a time such as 250ms, 10s or 5m, which is missing",
      ],
    )
    assert.strictEqual(problems(3), "expected object, not 3")
    assert.strictEqual(problems({}).split("\n").length, 3)
  })

  it("what cannot be played is told, too", () => {
    assert.strictEqual(
      problems({ seed: 0, faults: [{ at: "0ms", on: "a-b", fault: { _tag: "crash" } }], healAt: "1s" }),
      'faults[0].on: expected a host, because crash happens to hosts, not "a-b"',
    )
    assert.strictEqual(
      problems({ seed: 0, faults: [{ at: "2s", on: "a-b", fault: { _tag: "reset" } }], healAt: "1s" }),
      'faults[0].at: expected a time until everything heals at 1s, not "2s"',
    )
  })

  it("a file that is no JSON is told so", () => {
    const decoded = FaultPlan.decodeJson("{")
    assert.match(Result.isFailure(decoded) ? decoded.failure.message : "", /^expected JSON: SyntaxError/)
  })

  it("the command line takes several faults, each with its time, target and length", () => {
    assert.deepStrictEqual(
      FaultPlan.decodeText("latency:delay=200ms,jitter=50ms; reset:after=64KiB,at=connect:2,for=5s,on=a-b;"),
      Result.succeed([
        { at: "0ms", on: "*", fault: { _tag: "latency", delay: "200ms", jitter: "50ms" } },
        { at: "connect:2", on: "a-b", fault: { _tag: "reset", after: "64KiB" }, for: "5s" },
      ]),
    )
    assert.deepStrictEqual(
      textProblems("latency:delay=x;reset:for=y;crash:on=a-b;latncy:delay=1s").split("\n").slice(0, 3),
      [
        'latency.delay: expected a time such as 250ms, 10s or 5m, not "x"',
        'reset.for: expected a time such as 250ms, 10s or 5m, not "y"',
        'crash.on: expected a host, because crash happens to hosts, not "a-b"',
      ],
    )
    assert.match(textProblems("latncy:delay=1s"), /^latncy: expected a fault whose _tag is latency, /)
    assert.strictEqual(textProblems(" ; "), "expected a fault such as latency:delay=200ms")
  })

  it.effect.prop(
    "every plan that is drawn is valid, and both ways of writing it are read again",
    [everything],
    ([drawn]) =>
      Effect.sync(() => {
        assert.deepStrictEqual(FaultPlan.decodeJson(FaultPlan.format(drawn)), Result.succeed(drawn))
        if (drawn.faults.length === 0) return
        assert.deepStrictEqual(FaultPlan.decodeText(FaultPlan.formatText(drawn.faults)), Result.succeed(drawn.faults))
      }),
    { arbitrary: { runs: 300, seed: 1 } },
  )

  it.effect.prop(
    "what it shrinks to is valid, too, and shrinking comes to an end whatever fails",
    [everything],
    ([drawn]) =>
      Effect.sync(() => {
        // Always the last candidate: the slowest way down.
        let plan = drawn
        for (let steps = 0; ; steps++) {
          const simpler = FaultPlan.shrink(plan)
          for (const one of simpler) assert.isTrue(Result.isSuccess(FaultPlan.decode(one)), FaultPlan.format(one))
          const next = simpler.at(-1)
          if (next === undefined) break
          assert.isBelow(steps, 5000)
          plan = next.seed > 100 ? { ...next, seed: 100 } : next
        }
        assert.deepStrictEqual(plan, { seed: 0, faults: [], healAt: "0ms" })
      }),
    { arbitrary: { runs: 5, seed: 2 } },
  )

  it.effect("a plan is drawn from what was asked for, all of it and nothing else", () =>
    Effect.gen(function* () {
      const plans = yield* Arbitrary.sampleEffect(
        FaultPlan.arbitrary({ on: ["a-b", "a"], kinds: ["crash", "reset", "refuse"], atMost: 3, within: "2 seconds" }),
        { count: 300, seed: 1 },
      )
      const faults = plans.flatMap(({ faults }) => faults)
      const seen = new Set(faults.map(({ fault, on }) => `${fault._tag} ${on}`))
      assert.deepStrictEqual([...seen].toSorted(), ["crash a", "refuse a", "refuse a-b", "reset a", "reset a-b"])
      assert.strictEqual(Math.max(...plans.map(({ faults }) => faults.length)), 3)
      for (const { at, for: time } of faults) {
        if (FaultPlan.isEvent(at)) continue
        assert.isAtMost(Fault.toMillis(at) + Fault.toMillis(time!), 2000)
      }
      assert.deepStrictEqual(new Set(plans.map(({ healAt }) => healAt)), new Set(["2s"]))
      assert.isTrue(
        faults.some(({ at }) => at.startsWith("connect:")) && faults.some(({ at }) => at.startsWith("message:")),
      )
    }),
  )

  it("faults that must be so far apart move together", () => {
    const at = ({ faults }: FaultPlan.FaultPlan, kind: Fault.Kind) =>
      Fault.toMillis(faults.find(({ fault }) => fault._tag === kind)?.at as Fault.Time) // there are no events in it
    const fails = (plan: FaultPlan.FaultPlan) =>
      plan.faults.length === 2 && at(plan, "reset") - at(plan, "refuse") === 700
    let plan: FaultPlan.FaultPlan = {
      seed: 5,
      faults: [
        { at: "7300ms", on: "a-b", fault: Fault.refuse, for: "100ms" },
        { at: "8s", on: "a-b", fault: Fault.reset(), for: "0ms" },
      ],
      healAt: "9s",
    }
    for (let next: FaultPlan.FaultPlan | undefined = plan; next !== undefined;) {
      plan = next
      next = FaultPlan.shrink(plan).find(fails)
    }
    assert.strictEqual(FaultPlan.formatText(plan.faults), "refuse:on=a-b,for=0ms;reset:at=700ms,on=a-b,for=0ms")
    assert.deepStrictEqual([plan.seed, plan.healAt], [0, "700ms"])
  })

  it("options that leave nothing to draw are refused", () => {
    assert.throws(() => FaultPlan.arbitrary({ on: ["a-b"], kinds: ["crash"] }), /can hit \["a-b"\]/)
    assert.throws(() => FaultPlan.arbitrary({ on: ["a"], within: "1 millis" }), /at least 100 ms/)
  })

  it.effect("a failing plan shrinks to what matters", () =>
    Effect.gen(function* () {
      // Fails when a connection is reset while the server is slow.
      const overlaps = ({ faults }: FaultPlan.FaultPlan) =>
        faults.some((slow) => slow.fault._tag === "latency" && slow.on === "server" && slow.at === "0ms") &&
        faults.some((one) => one.fault._tag === "reset" && Fault.toMillis(one.for ?? "0ms") >= 250)
      const result = yield* Arbitrary.checkEffect(
        FaultPlan.arbitrary({ ...options, kinds: ["latency", "reset", "pause"] }),
        (plan) => !overlaps(plan),
        {
          runs: 5000,
          seed: 1,
        },
      )
      assert.deepStrictEqual(result._tag === "Falsified" ? result.shrunkInput : result, {
        seed: 0,
        faults: [
          { at: "0ms", on: "server", fault: { _tag: "latency", delay: "100ms" }, for: "0ms" },
          {
            at: "0ms",
            on: result._tag === "Falsified" ? result.shrunkInput.faults[1]!.on : "",
            fault: { _tag: "reset" },
            for: "300ms",
          },
        ],
        healAt: "300ms",
      })
    }),
  )
})
