import { assert, describe, it } from "@effect/vitest"
import * as Chance from "../src/internal/chance.ts"
import type { Gate } from "../src/internal/proxyLane.ts"
import { bandwidth, limit, slices } from "../src/internal/toxicGates.ts"

/** Pushes so many bytes through, as a lane does; what went when. */
const through = (gate: Gate, bytes: number, from = 0) => {
  const went: Array<readonly [at: number, bytes: number]> = []
  let now = from
  let left = bytes
  while (left > 0) {
    const some = gate.allows(left, now)
    if (some > 0) {
      gate.went(some, now)
      went.push([now, some])
      left -= some
      continue
    }
    const next = gate.next(now)
    assert.isAbove(next, now, "else a lane would ask for ever")
    if (next === Infinity) break
    now = next
  }
  return went
}

const last = (went: ReadonlyArray<readonly [at: number, bytes: number]>) => went.at(-1)?.[0]

describe("bandwidth", () => {
  it("takes as long as the bytes take, at any rate", () => {
    for (const [rate, bytes] of [
      [100, 50],
      [1000, 3000],
      [1024 * 1024, 512 * 1024],
      [0.5, 2],
    ] as const) {
      const time = last(through(bandwidth(rate, 0), bytes))!
      const ideal = (bytes / rate) * 1000
      assert.isTrue(time >= ideal - 10 && time <= ideal + 10, `${rate}: ${time}, not ${ideal}`)
    }
  })

  it("lets a first burst through at once", () => {
    const went = through(bandwidth(1000, 500), 1500)
    assert.deepStrictEqual(went[0], [0, 500])
    assert.isAtLeast(last(went)!, 990)
  })

  it("saves up no more than a burst, or a hundredth of a second", () => {
    const gate = bandwidth(1000, 0)
    through(gate, 10)
    assert.strictEqual(gate.allows(1_000_000, 60_000), 10)
    const generous = bandwidth(1000, 500)
    through(generous, 500)
    assert.strictEqual(generous.allows(1_000_000, 60_000), 500)
  })

  it("of nothing lets nothing through, ever", () => {
    assert.deepStrictEqual(through(bandwidth(0, 0), 10), [])
  })
})

describe("slices", () => {
  const gate = () => slices({ average: 10, variation: 4, gap: 5 }, Chance.make(1, "random"))

  it("are of about the size, a gap apart, and the same for the same seed", () => {
    const went = through(gate(), 1000)
    assert.deepStrictEqual(through(gate(), 1000), went)
    went.forEach(([at, bytes], index) => {
      assert.strictEqual(at, index * 5)
      if (index < went.length - 1) assert.isTrue(bytes >= 6 && bytes <= 14, `${bytes}`)
    })
    const sizes = new Set(went.map(([, bytes]) => bytes))
    assert.isAbove(sizes.size, 5)
  })

  it("have at least a byte", () => {
    const went = through(slices({ average: 1, variation: 5, gap: 1 }, Chance.make(1, "random")), 50)
    assert.isTrue(went.every(([, bytes]) => bytes >= 1))
  })
})

describe("a limit", () => {
  it("lets exactly so many bytes through, and says when it is reached", () => {
    let reached = 0
    assert.deepStrictEqual(
      through(
        limit(7, () => reached++),
        100,
      ),
      [[0, 7]],
    )
    assert.strictEqual(reached, 1)
  })
})
