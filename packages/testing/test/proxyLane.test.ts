/**
 * One direction of a proxied connection, on ends and clocks of the test's own.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Gate, mostUnderWay, type Toxic } from "../src/internal/proxyLane.ts"
import { limit } from "../src/internal/toxicGates.ts"
import { lane } from "./laneStand.ts"

/** So many bytes at a time, and a gap behind them. */
const slices = (bytes: number, gap: number): Gate => {
  let open = 0
  return {
    allows: (waiting, now) => (now < open ? 0 : Math.min(waiting, bytes)),
    next: () => open,
    went: (_, now) => (open = now + gap),
  }
}

const late = (...times: ReadonlyArray<number>): Toxic => {
  let draw = 0
  return { late: () => times[draw++ % times.length]! }
}

describe("a lane", () => {
  it("hands on at once what it hears, the end behind it", () => {
    const { ends, got, says, state } = lane()
    says("a")
    says("b")
    ends()
    assert.deepStrictEqual([got, state.reads], [["0:a", "0:b", "0:end"], true])
  })

  it("does not read before it starts", () => {
    const { state } = lane({ holds: true })
    assert.isFalse(state.reads)
  })

  it("keeps the order whatever is drawn, and goes on reading meanwhile", () => {
    const { ends, got, passes, says, state } = lane(late(30, 10, 50))
    for (const text of ["a", "b", "c"]) says(text)
    ends()
    assert.isTrue(state.reads)
    passes(100)
    assert.deepStrictEqual(got, ["30:a", "30:b", "50:c", "50:end"])
  })

  it("does not let latencies add up: what is said apart arrives apart", () => {
    const { got, passes, says } = lane(late(100))
    for (const text of ["a", "b", "c"]) {
      says(text)
      passes(10)
    }
    passes(200)
    assert.deepStrictEqual(got, ["100:a", "110:b", "120:c"])
  })

  it("hands on at once what was late, when latency goes", () => {
    const toxic = late(100)
    const { got, lane: it, passes, says } = lane(toxic)
    says("a")
    passes(40)
    it.remove(toxic)
    says("b")
    assert.deepStrictEqual(got, ["40:a", "40:b"])
  })

  it("stops reading while its sink takes no more, and goes on when it does", () => {
    const { got, lane: it, says, state } = lane()
    state.takes = false
    says("a")
    assert.isFalse(state.reads)
    says("b") // had been read already
    assert.deepStrictEqual(got, ["0:a", "0:b"])
    state.takes = true
    it.drained()
    assert.isTrue(state.reads)
  })

  it("with something due and a sink that takes no more hands on nothing", () => {
    const { got, lane: it, passes, says, state } = lane(late(10))
    state.takes = false
    says("a")
    says("b")
    passes(50)
    assert.deepStrictEqual([got, state.reads], [["10:a"], false])
    state.takes = true
    it.drained()
    assert.deepStrictEqual([got, state.reads], [["10:a", "50:b"], true])
  })

  it("bounds what is under way", () => {
    const { lane: it, passes, state } = lane(late(10))
    it.heard(new Uint8Array(mostUnderWay - 1))
    assert.isTrue(state.reads)
    passes(5)
    it.heard(new Uint8Array(1))
    assert.isFalse(state.reads)
    passes(5) // the first is gone, the second is not
    assert.isTrue(state.reads)
  })

  it("says when a read has passed as a whole, and not when it is lost", () => {
    const swallow: Toxic = { swallows: true }
    const { lane: it, passed, passes, says } = lane(late(10), { gate: slices(2, 5) })
    says("abcd") // 2 bytes at 10 ms, 2 at 15 ms
    says("e")
    passes(50)
    it.add(swallow)
    says("f")
    it.remove(swallow)
    assert.deepStrictEqual(passed, [15, 20])
  })

  it("neither reads nor hands on while it is held", () => {
    const hold: Toxic = { holds: true }
    const { ends, got, lane: it, says, state } = lane(hold)
    says("a")
    ends()
    assert.deepStrictEqual([got, state.reads], [[], false])
    it.remove(hold)
    assert.deepStrictEqual([got, state.reads], [["0:a", "0:end"], true])
  })

  it("knows whether it has swallowed something, be it only the end", () => {
    for (const what of ["says", "ends"] as const) {
      const it = lane({ swallows: true })
      assert.isFalse(it.lane.hasLost)
      it[what]("a")
      assert.deepStrictEqual([it.got, it.lane.hasLost, it.state.reads], [[], true, true])
    }
  })

  it("delays the end behind what is late", () => {
    const { ends, got, passes, says } = lane(late(20), { lateEnd: 50 })
    says("a")
    ends()
    passes(100)
    assert.deepStrictEqual(got, ["20:a", "70:end"])
  })

  it("cuts a write where a gate says, and calls its end between two bytes", () => {
    const { got, lane: it, says } = lane()
    it.add({
      gate: limit(3, () => {
        got.push("reached")
        it.mute()
      }),
    })
    says("ab")
    says("cdef")
    says("g")
    assert.deepStrictEqual(got, ["0:ab", "0:c", "reached"])
  })

  it("does not read while a gate keeps what is due waiting", () => {
    const { got, passes, says, state } = lane({ gate: slices(1, 20) })
    says("ab")
    assert.deepStrictEqual([got, state.reads], [["0:a"], false])
    passes(20)
    assert.deepStrictEqual([got, state.reads], [["0:a", "20:b"], true])
    says("c")
    assert.isFalse(state.reads)
  })

  it("counts reads, and ends behind the last that passes, in its time", () => {
    for (const [fate, passed] of [
      ["last", "10:a 10:b 10:cut"],
      ["drop", "10:a 10:cut"],
    ] as const) {
      const { got, lane: it, passes, says } = lane(late(10))
      let count = 0
      it.add({
        counts: () => (++count < 2 ? "pass" : fate),
        end: () => {
          got.push("10:cut")
          it.mute()
        },
      })
      for (const text of ["a", "b", "c"]) says(text)
      passes(20)
      assert.strictEqual(got.join(" "), passed)
    }
  })

  it("muted swallows everything, and reads on so that its source does not wait", () => {
    const { ends, got, lane: it, passes, says, state } = lane(late(10))
    says("a")
    it.mute()
    says("b")
    ends()
    passes(50)
    assert.deepStrictEqual([got, state.reads], [[], true])
  })

  it("remembers no more than what waits, however much has passed", () => {
    const { got, passes, says } = lane(late(1))
    for (let at = 0; at < 5000; at++) {
      says(String(at % 10))
      if (at % 3 === 2) passes(1)
    }
    passes(5)
    assert.strictEqual(got.length, 5000)
    assert.strictEqual(got.map((one) => one.at(-1)).join(""), "0123456789".repeat(500))
  })
})
