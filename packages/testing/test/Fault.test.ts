import { assert, describe, it } from "@effect/vitest"
import { Fault } from "@holdfast/testing"

const problem = (text: string): string => {
  try {
    Fault.parse(text)
  } catch (error) {
    if (error instanceof Fault.InvalidFault) return error.message
    throw error
  }
  return assert.fail("it was accepted")
}

describe("Fault", () => {
  it("the short form reads as the JSON of a plan does", () => {
    for (const [text, fault] of [
      ["refuse", { _tag: "refuse" }],
      ["reset:after=5s", { _tag: "reset", after: "5s" }],
      ["reset:after=64KiB,dir=up", { _tag: "reset", after: "64KiB", dir: "up" }],
      ["latency:delay=200ms,jitter=50ms", { _tag: "latency", delay: "200ms", jitter: "50ms" }],
      [" latency : delay = 200ms , dist=pareto ", { _tag: "latency", delay: "200ms", dist: "pareto" }],
      ["cutAt:frame=3", { _tag: "cutAt", frame: 3 }],
      ["loss:p=0.25", { _tag: "loss", p: 0.25 }],
      ["blackhole:keepOpen", { _tag: "blackhole", keepOpen: true }],
      ["crash:keepState=false", { _tag: "crash", keepState: false }],
      ["closeClean:code=4001,reason=see%2C you", { _tag: "closeClean", code: 4001, reason: "see, you" }],
      ["partition:groups=a+b|c,hold", { _tag: "partition", groups: [["a", "b"], ["c"]], hold: true }],
      ["clockJump:by=-5m", { _tag: "clockJump", by: "-5m" }],
    ] as const) {
      assert.deepStrictEqual(Fault.parse(text), fault)
    }
  })

  it("what is wrong is told with its key and what was expected", () => {
    assert.deepStrictEqual(
      [
        "latency",
        "latency:delay=fast",
        "latency:delay=-1s",
        "latency:delay=1s,delay=2s",
        "latency:delay=1s,dly=2s",
        "latency:delay",
        "refuse:for=5s",
        "loss:p=2",
        "lostAck:nth=x",
        "closeClean:code=99",
        "crash:keepState=maybe",
        "partition:groups=a",
        "reset:after=64kb",
      ].map(problem),
      [
        "delay: expected a time such as 250ms, 10s or 5m, which is missing",
        'delay: expected a time such as 250ms, 10s or 5m, not "fast"',
        'delay: expected a time such as 250ms, 10s or 5m, not "-1s"',
        "delay: expected once",
        "dly: unknown key; latency knows delay, jitter, dist or dir",
        'delay: expected key=value, not "delay"',
        "for: unknown key; refuse has no keys",
        "p: expected a chance from 0 to 1, not 2",
        'nth: expected a whole number from 1, not "x"',
        "code: expected a close code from 1000 to 4999, not 99",
        'keepState: expected true or false, not "maybe"',
        'groups: expected at least two groups of hosts such as [["a"], ["b", "c"]], not [["a"]]',
        'after: expected a time such as 250ms or a size such as 64KiB, not "64kb"',
      ],
    )
  })

  it("an unknown kind is told with all that there are", () => {
    const message = problem("latncy:delay=1s")
    assert.include(message, '"latncy"')
    for (const kind of Fault.all) assert.include(message, kind)
  })

  it("constructors write times and sizes as people do", () => {
    assert.deepStrictEqual(
      [
        Fault.latency({ delay: "200 millis", jitter: 1500 }),
        Fault.reset({ after: "5 seconds" }),
        Fault.reset({ after: "64KiB", dir: undefined }),
        Fault.bandwidth({ bytesPerSec: 10_240, burst: 100 }),
        Fault.crash(),
        Fault.clockJump({ by: "-5m" }),
      ],
      [
        { _tag: "latency", delay: "200ms", jitter: "1.5s" },
        { _tag: "reset", after: "5s" },
        { _tag: "reset", after: "64KiB" },
        { _tag: "bandwidth", bytesPerSec: "10KiB", burst: "100B" },
        { _tag: "crash" },
        { _tag: "clockJump", by: "-5m" },
      ],
    )
    assert.throws(() => Fault.closeClean({ code: 7 }), /code: expected a close code/)
  })

  it("times and sizes are exact", () => {
    assert.deepStrictEqual(
      [Fault.toMillis("250ms"), Fault.toMillis("1.1s"), Fault.toMillis("5m"), Fault.toMillis("2h")],
      [250, 1100, 300_000, 7_200_000],
    )
    assert.deepStrictEqual([Fault.toBytes("1.5KiB"), Fault.toBytes("0B"), Fault.toBytes("2GiB")], [1536, 0, 2 ** 31])
  })

  it("every kind has a constructor, or is one fault", () => {
    const constructors: Readonly<Record<string, unknown>> = { ...Fault }
    for (const kind of Fault.all) assert.isDefined(constructors[kind], kind)
    assert.deepStrictEqual(Fault.refuse, { _tag: "refuse" })
  })
})
