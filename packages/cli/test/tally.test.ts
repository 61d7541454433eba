import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { describe as inWords, isClean, Tally } from "../src/internal/tally.ts"

const sent = (count: number): Tally => {
  const tally = new Tally()
  for (let n = 0; n < count; n++) tally.sent(0n)
  return tally
}

describe("a tally", () => {
  it("is clean when everything comes back once and in order", () => {
    const tally = sent(3)
    for (const n of [1, 2, 3]) tally.received(n, 2_000_000n)
    assert.deepStrictEqual(tally.counts, { sent: 3, delivered: 3, lost: 0, duplicated: 0, outOfOrder: 0 })
    assert.isTrue(isClean(tally.counts))
    assert.strictEqual(tally.roundTrip, 2)
    assert.strictEqual(inWords(tally), "sent 3  delivered 3  lost 0  duplicated 0  out of order 0  2.00 ms round trip")
  })

  it("counts what overtakes, what comes twice and what nobody sent", () => {
    const tally = sent(3)
    for (const n of [2, 1, 1, 9, Number.NaN]) tally.received(n, 1n)
    assert.deepStrictEqual(tally.counts, { sent: 3, delivered: 2, lost: 0, duplicated: 3, outOfOrder: 1 })
    assert.isFalse(isClean(tally.counts))
  })

  it("gives up what is out, and a late answer is one too many then", () => {
    const tally = sent(2)
    tally.giveUp()
    tally.received(1, 1n)
    assert.deepStrictEqual(tally.counts, { sent: 2, delivered: 0, lost: 2, duplicated: 1, outOfOrder: 0 })
  })

  it("knows the median of the last round trips, and none before the first", () => {
    assert.strictEqual(new Tally().roundTrip, undefined)
    const tally = sent(3)
    tally.received(1, 1_000_000n)
    tally.received(2, 9_000_000n)
    tally.received(3, 3_000_000n)
    assert.strictEqual(tally.roundTrip, 3)
  })

  const Arrivals = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 })))

  it.effect.prop(
    "accounts for every message whatever comes back",
    [Arrivals],
    ([arrivals]) =>
      Effect.sync(() => {
        const tally = sent(10)
        for (const n of arrivals) tally.received(n, 1n)
        const { away } = tally
        tally.giveUp()
        const { delivered, duplicated, lost } = tally.counts
        assert.deepStrictEqual([delivered + lost, delivered + duplicated, lost], [10, arrivals.length, away])
      }),
    { arbitrary: { seed: "tally" } },
  )
})
