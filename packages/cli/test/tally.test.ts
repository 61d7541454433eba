import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Doubts } from "../src/internal/doubts.ts"
import { describe as inWords, isClean, Tally } from "../src/internal/tally.ts"

const sent = (count: number, doubts?: Doubts): Tally => {
  const tally = new Tally(doubts)
  for (let n = 0; n < count; n++) tally.sent(0n)
  return tally
}

describe("a tally", () => {
  it("is clean when everything comes back once and in order", () => {
    const tally = sent(3)
    for (const n of [1, 2, 3]) tally.received(n, 2_000_000n)
    assert.deepStrictEqual(tally.counts, { sent: 3, delivered: 3, lost: 0, cutOff: 0, duplicated: 0, outOfOrder: 0 })
    assert.isTrue(isClean(tally.counts))
    assert.strictEqual(tally.roundTrip, 2)
    assert.strictEqual(inWords(tally), "sent 3  delivered 3  lost 0  duplicated 0  out of order 0  2.00 ms round trip")
  })

  it("counts what overtakes, what comes twice and what nobody sent", () => {
    const tally = sent(3)
    for (const n of [2, 1, 1, 9, Number.NaN]) tally.received(n, 1n)
    assert.deepStrictEqual(tally.counts, { sent: 3, delivered: 2, lost: 0, cutOff: 0, duplicated: 3, outOfOrder: 1 })
    assert.isFalse(isClean(tally.counts))
  })

  it("gives up what is out, and a late answer is one too many then", () => {
    const tally = sent(2)
    tally.giveUp()
    tally.received(1, 1n)
    assert.deepStrictEqual(tally.counts, { sent: 2, delivered: 0, lost: 2, cutOff: 0, duplicated: 1, outOfOrder: 0 })
  })

  it("counts what came too late as out of order, until it is given up", () => {
    const tally = sent(3)
    tally.received(3, 1n)
    assert.strictEqual(tally.counts.lost, 2)
    tally.received(1, 1n)
    assert.deepStrictEqual(
      [tally.counts.delivered, tally.counts.lost, tally.counts.outOfOrder, tally.counts.duplicated],
      [2, 1, 1, 0],
    )
    tally.giveUp()
    tally.received(2, 1n)
    assert.deepStrictEqual([tally.counts.lost, tally.counts.duplicated], [1, 1])
  })

  it("knows the median of the last round trips, and none before the first", () => {
    assert.strictEqual(new Tally().roundTrip, undefined)
    const tally = sent(3)
    tally.received(1, 1_000_000n)
    tally.received(2, 9_000_000n)
    tally.received(3, 3_000_000n)
    assert.strictEqual(tally.roundTrip, 3)
  })

  it("loses nothing that somebody gave account of, also when the account comes later", () => {
    const doubts = new Doubts()
    const tally = sent(6, doubts)
    doubts.begin("s", 0)
    doubts.vanished(1, 2)
    tally.received(4, 1n)
    assert.deepStrictEqual([tally.counts.lost, tally.counts.cutOff, tally.isWaiting], [1, 0, true])
    doubts.reached("s", 6)
    doubts.killed(tally.newest)
    assert.isFalse(tally.isWaiting)
    tally.giveUp()
    assert.deepStrictEqual([tally.counts.lost, tally.counts.cutOff, doubts.uncertain], [1, 2, 2])
    doubts.vanished(3, 3)
    assert.deepStrictEqual(tally.counts, { sent: 6, delivered: 1, lost: 0, cutOff: 2, duplicated: 0, outOfOrder: 0 })
    assert.isTrue(isClean(tally.counts))
    assert.match(
      inWords(tally),
      /^sent 6 {2}delivered 1 {2}uncertain 3 {2}lost 0 {2}duplicated 0 {2}reconnects 0 {2}cut off 2 {2}out of order 0 {2}/,
    )
  })

  it("remembers a bounded number of missing messages, and forgets none of their number", () => {
    const tally = sent(30_000)
    tally.received(25_000, 1n)
    assert.strictEqual(tally.counts.lost, 24_999)
    tally.giveUp()
    assert.strictEqual(tally.counts.lost, 29_999)
  })

  const Arrivals = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 })))

  it.effect.prop(
    "accounts for every message whatever comes back",
    [Arrivals],
    ([arrivals]) =>
      Effect.sync(() => {
        const tally = sent(10)
        for (const n of arrivals) tally.received(n, 1n)
        const missing = Array.from({ length: 10 }, (_, at) => at + 1).filter((n) => !arrivals.includes(n)).length
        tally.giveUp()
        const { delivered, duplicated, lost } = tally.counts
        assert.deepStrictEqual([delivered + lost, delivered + duplicated, lost], [10, arrivals.length, missing])
      }),
    { arbitrary: { seed: "tally" } },
  )
})
