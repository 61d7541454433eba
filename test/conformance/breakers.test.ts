/**
 * What the breakers of others do, and say they do. Where the maker is installed, the same story is told to both, and what differs on
 * purpose is told to both as well.
 */
import { Breaker } from "@holdfast/core"
import * as Cockatiel from "cockatiel"
import { Duration, Effect, Schedule } from "effect"
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import { cockatiel, holdfast, opossum, type Side } from "./breakerSides.ts"

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const pass = (millis: number) => vi.advanceTimersByTimeAsync(millis)

/** Makes the calls one after the other; `.` waits a second. */
const play = async (side: Side, script: string) => {
  const outcomes: Array<string> = []
  for (const step of script) {
    if (step === ".") await pass(1000)
    else outcomes.push(await side.call(step === "1" ? "ok" : step === "0" ? "bad" : "other"))
  }
  return { outcomes, state: side.state(), changes: [...side.changes] }
}

/** What the story comes to with each of them. */
const told = async <A>(sides: ReadonlyArray<Side>, story: (side: Side) => Promise<A>): Promise<[A, A]> => [
  await story(sides[0]!),
  await story(sides[1]!),
]

describe("cockatiel", () => {
  const consecutive = (n: number, options?: Partial<Parameters<typeof holdfast>[0]>) => [
    cockatiel({ halfOpenAfter: 5000, breaker: new Cockatiel.ConsecutiveBreaker(n) }),
    holdfast({ openFor: 5000, rules: [Breaker.consecutive(n)], classify: others, onFull: "wait", ...options }),
  ]
  const others = Breaker.failureIf((error) => !(error instanceof Error && error.message === "other"))

  for (const script of ["000", "0010010001", "000.....1", "000....1.1", "000.....0.....1", "000.....x0"]) {
    it(`consecutive breaker, ${script}`, async () => {
      assert.deepStrictEqual(...(await told(consecutive(3), (side) => play(side, script))))
    })
  }

  it("an error it is not to handle, on purpose otherwise: theirs ignores it while closed, ours takes it for an answer", async () => {
    const states = await told(consecutive(3), async (side) => (await play(side, "00x0")).state)
    assert.deepStrictEqual(states, ["Open", "Closed"])
  })

  it("half open, one call is made and the others wait for what it says, then go through or are refused", async () => {
    for (const [how, outcomes] of [
      ["ok", ["ok", "ok", "ok"]],
      ["bad", ["bad", "refused", "refused"]],
    ] as const) {
      const story = async (side: Side) => {
        await play(side, "000.....")
        const probe = side.pending()
        const rest = [side.call("ok"), side.call("ok")]
        await pass(0)
        const all = Promise.all([probe.end(how), ...rest])
        await pass(1)
        return all
      }
      assert.deepStrictEqual<unknown>(await told(consecutive(3), story), [outcomes, outcomes])
    }
  })

  it("half-open sampling: the same verdict for each way four calls can go", async () => {
    for (let bits = 0; bits < 16; bits++) {
      const sides = [
        cockatiel({
          halfOpenAfter: 5000,
          breaker: new Cockatiel.ConsecutiveBreaker(1),
          halfOpenSampling: { calls: 4, threshold: 0.5 },
        }),
        holdfast({ openFor: 5000, rules: [Breaker.consecutive(1)], probes: 4, successRatio: 0.5 }),
      ]
      const verdicts = await told(sides, async (side) => {
        await play(side, "0.....")
        // Ours closes as soon as that is certain, so the calls stop with the verdict.
        for (let n = 0; n < 4 && (n === 0 || side.state() === "HalfOpen"); n++)
          await side.call((bits >> n) & 1 ? "ok" : "bad")
        return side.state()
      })
      assert.strictEqual(...verdicts)
    }
  })

  it("half-open sampling, on purpose otherwise: ours does not wait for calls that cannot change the verdict", async () => {
    const theirs = cockatiel({
      halfOpenAfter: 5000,
      breaker: new Cockatiel.ConsecutiveBreaker(1),
      halfOpenSampling: { calls: 4, threshold: 0.5 },
    })
    const ours = holdfast({ openFor: 5000, rules: [Breaker.consecutive(1)], probes: 4, successRatio: 0.5 })
    for (const side of [theirs, ours]) await play(side, "0.....11")
    assert.deepStrictEqual([theirs.state(), ours.state()], ["HalfOpen", "Closed"])
  })

  it("isolate counts its holds, breaks once and resets once", async () => {
    const both = await told(consecutive(3), async (side) => {
      const [one, two] = [side.isolate(), side.isolate()]
      const first = await side.call("ok")
      one()
      one()
      const second = await side.call("ok")
      two()
      return [first, second, await side.call("ok"), side.changes]
    })
    const outcomes = ["refused", "refused", "ok", ["Isolated", "Closed"]]
    assert.deepStrictEqual<unknown>(both, [outcomes, outcomes])
  })

  it("isolate, on purpose otherwise: ours goes on where it was, theirs closes", async () => {
    const [theirs, ours] = consecutive(3)
    for (const side of [theirs!, ours!]) {
      await play(side, "000")
      side.isolate()()
    }
    assert.deepStrictEqual([theirs!.state(), ours!.state()], ["Closed", "Open"])
  })

  it("isolate frees those who wait for a probe", async () => {
    const both = await told(consecutive(3), async (side) => {
      await play(side, "000.....")
      side.pending()
      const other = side.call("ok")
      await pass(0)
      side.isolate()
      await pass(1)
      return [await other, side.state()]
    })
    assert.deepStrictEqual(...both)
  })

  it("count window: as theirs, with `>=` where they have `>`", async () => {
    for (const script of ["0000", "1000", "10101010", "1110001", "111101110000", "0011000"]) {
      // More than 0.5 of 4 is 3 of 4.
      const sides = [
        cockatiel({ halfOpenAfter: 5000, breaker: new Cockatiel.CountBreaker({ threshold: 0.5, size: 4 }) }),
        holdfast({ openFor: 5000, rules: [Breaker.countWindow({ ratio: 0.75, size: 4 })] }),
      ]
      assert.deepStrictEqual(...(await told(sides, (side) => play(side, script))))
    }
  })

  const sampling = () => [
    cockatiel({
      halfOpenAfter: 5000,
      breaker: new Cockatiel.SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 1 }),
    }),
    holdfast({ openFor: 5000, rules: [Breaker.timeWindow({ ratio: 0.51, window: "10 seconds", minimum: 10 })] }),
  ]

  it("sampling breaker, on purpose otherwise: after a quiet time ours has forgotten, theirs forgets a bucket a call", async () => {
    const states = await told(sampling(), async (side) => (await play(side, "0000000..............0000000")).state)
    assert.deepStrictEqual(states, ["Open", "Closed"])
  })

  it("sampling breaker: below its least traffic all may fail, and a success does not open it", async () => {
    for (const [script, state] of [
      ["000000000", "Closed"],
      ["0000000000", "Open"],
      ["00000011111", "Closed"],
      ["000000111110", "Open"],
    ] as const) {
      const [theirs, ours] = await told(sampling(), (side) => play(side, script))
      assert.deepStrictEqual([ours, ours.state], [theirs, state])
    }
  })

  it("the n-th opening in a row takes the n-th delay", async () => {
    const sides = [
      cockatiel({
        halfOpenAfter: new Cockatiel.IterableBackoff([2000, 4000, 8000]),
        breaker: new Cockatiel.ConsecutiveBreaker(1),
      }),
      holdfast({ openFor: schedule([2000, 4000, 8000]), rules: [Breaker.consecutive(1)] }),
    ]
    assert.deepStrictEqual(...(await told(sides, (side) => play(side, "0.0.0..0..0....0....0.......0.1"))))
  })

  it("late results, on purpose otherwise: theirs counts a call from before the trip once it is closed again", async () => {
    const [theirs, ours] = consecutive(1)
    for (const side of [theirs!, ours!]) {
      const before = side.pending()
      await play(side, "0.....1")
      await before.end("bad")
    }
    assert.deepStrictEqual([theirs!.state(), ours!.state()], ["Open", "Closed"])
  })
})

describe("opossum", () => {
  const sides = (options?: Partial<Parameters<typeof holdfast>[0]>) => [
    opossum({ resetTimeout: 5000, volumeThreshold: 4, errorThresholdPercentage: 50 }),
    holdfast({
      openFor: 5000,
      rules: [Breaker.timeWindow({ ratio: 0.51, window: "10 seconds", minimum: 4 })],
      classify: Breaker.failureIf((error) => !(error instanceof Error && error.message === "other")),
      ...options,
    }),
  ]

  for (const script of ["000", "0000", "1100", "11000", "x0x0x0", "0000.....1", "0000.....0.....1", "0000.....x1"]) {
    it(`rolling window, ${script}`, async () => {
      assert.deepStrictEqual(...(await told(sides(), (side) => play(side, script))))
    })
  }

  it("half open, one call is made and the others are refused", async () => {
    const both = await told(sides(), async (side) => {
      await play(side, "0000.....")
      const probe = side.pending()
      const others = [await side.call("ok"), await side.call("ok")]
      return [...others, await probe.end("ok"), side.state()]
    })
    const outcomes = ["refused", "refused", "ok", "Closed"]
    assert.deepStrictEqual<unknown>(both, [outcomes, outcomes])
  })

  it("by hand: open, open again, close", async () => {
    const both = await told(sides(), async (side) => {
      side.forceOpen()
      side.forceOpen()
      const refused = await side.call("ok")
      side.close()
      return [refused, await side.call("ok"), side.changes]
    })
    assert.deepStrictEqual(...both)
  })

  it("half open, on purpose otherwise: theirs says so by a timer, ours when somebody calls", async () => {
    const [theirs, ours] = sides()
    for (const side of [theirs!, ours!]) await play(side, "0000.....")
    assert.deepStrictEqual([theirs!.state(), ours!.state()], ["HalfOpen", "Open"])
    assert.strictEqual(await ours!.call("ok"), "ok")
  })

  it("a probe that hangs, on purpose otherwise: theirs without its timeout is stuck, ours is not", async () => {
    const [theirs, ours] = sides()
    const outcomes: Array<string> = []
    for (const side of [theirs!, ours!]) {
      await play(side, "0000.....")
      side.pending()
      await pass(3_600_000)
      outcomes.push(await side.call("ok"))
    }
    assert.deepStrictEqual(outcomes, ["refused", "ok"])
  })
})

describe("resilience4j, by its documentation", () => {
  const touchy = (options?: Partial<Parameters<typeof holdfast>[0]>) =>
    holdfast({ openFor: 5000, rules: [Breaker.consecutive(1)], ...options })

  it("permits so many calls when half open and refuses the rest; the ratio over them decides", async () => {
    const side = touchy({ probes: 3, successRatio: 0.5 })
    await play(side, "0.....")
    const probes = [side.pending(), side.pending(), side.pending()]
    assert.strictEqual(await side.call("ok"), "refused")
    await probes[0]!.end("bad")
    await probes[1]!.end("ok")
    await probes[2]!.end("ok")
    assert.strictEqual(side.state(), "Closed")
  })

  it("the longest time in half open leads back to open", async () => {
    const side = touchy({ probeTimeout: 10_000 })
    await play(side, "0.....")
    side.pending()
    await pass(10_000)
    assert.deepStrictEqual([await side.call("ok"), side.changes.at(-1)], ["refused", "Open"])
  })

  it("ignored exceptions count neither as failure nor as success", async () => {
    const side = touchy({
      rules: [Breaker.consecutive(2)],
      classify: (exit) =>
        exit._tag === "Success" ? "Success" : String(exit.cause).includes("other") ? "Ignored" : "Failure",
    })
    assert.strictEqual((await play(side, "0xxx0")).state, "Open")
    await play(side, ".....x")
    assert.strictEqual(side.state(), "HalfOpen")
  })

  it("a result may count as a failure", async () => {
    const side = touchy({ classify: () => "Failure" })
    assert.deepStrictEqual((await play(side, "11")).outcomes, ["ok", "refused"])
  })

  it("a ratio is reached at, not above; thresholds of slow calls hold for successes, too", async () => {
    const count = touchy({ rules: [Breaker.countWindow({ ratio: 0.5, size: 4 })] })
    assert.strictEqual((await play(count, "1010")).state, "Open")
    const slow = touchy({
      rules: [Breaker.slowCalls({ ratio: 1, slowerThan: "1 second", window: "1 minute", minimum: 1 })],
    })
    const call = slow.pending()
    await pass(1001)
    await call.end("ok")
    assert.strictEqual(slow.state(), "Open")
  })

  it("on purpose otherwise: a success never brings a ratio of failures over its threshold", async () => {
    const side = touchy({ rules: [Breaker.countWindow({ ratio: 0.5, size: 4 })] })
    assert.strictEqual((await play(side, "0011")).state, "Closed")
  })

  it("forced open holds until it is reset", async () => {
    const side = touchy()
    const release = side.isolate()
    await pass(86_400_000)
    assert.strictEqual(await side.call("ok"), "refused")
    release()
    assert.strictEqual(await side.call("ok"), "ok")
  })
})

describe("Polly, by its documentation", () => {
  it("below the minimum throughput the ratio is ignored, even if all fail", async () => {
    const side = holdfast({ openFor: 5000, rules: [Breaker.timeWindow({ ratio: 0.1, window: 30_000, minimum: 100 })] })
    assert.strictEqual((await play(side, "0".repeat(99))).state, "Closed")
    assert.strictEqual((await play(side, "0")).state, "Open")
  })

  it("the failure ratio is met at its value", async () => {
    const side = holdfast({ openFor: 5000, rules: [Breaker.timeWindow({ ratio: 0.1, window: 30_000, minimum: 100 })] })
    assert.strictEqual((await play(side, `${"1".repeat(90)}${"0".repeat(9)}`)).state, "Closed")
    assert.strictEqual((await play(side, "0")).state, "Open")
  })

  it("half open, one probe; manual control isolates and closes", async () => {
    const side = holdfast({ openFor: 5000, rules: [Breaker.consecutive(1)] })
    await play(side, "0.....")
    const probe = side.pending()
    assert.strictEqual(await side.call("ok"), "refused")
    side.close()
    assert.strictEqual(await side.call("ok"), "ok")
    await probe.end("bad")
    assert.strictEqual(side.state(), "Closed")
  })
})

/** Those delays, the last one for ever. */
const schedule = (delays: ReadonlyArray<number>) =>
  Schedule.fromStep(
    Effect.sync(() => {
      let n = 0
      return () => {
        const delay = Duration.millis(delays[Math.min(n++, delays.length - 1)]!)
        return Effect.succeed<[number, Duration.Duration]>([n, delay])
      }
    }),
  )
