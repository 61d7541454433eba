import { assert, describe, it } from "@effect/vitest"
import type { Proxy } from "@holdfast/websocket"
import { Effect, Random } from "effect"
import { eventually } from "./kit/eventually.ts"
import { survive, type Way } from "./kit/killable.ts"

type Receipts = ReadonlyArray<typeof Proxy.Receipt.Type>

const sum = (receipts: Receipts) => receipts.reduce((total, { uncertain }) => total + uncertain, 0)

// The sequence numbers that the receipts call uncertain.
const reported = (receipts: Receipts) => {
  const all = new Set<number>()
  for (const { range } of receipts) {
    if (range !== null) for (let seq = range[0]; seq <= range[1]; seq++) all.add(seq)
  }
  return all
}

const increasing = (numbers: ReadonlyArray<number>) => numbers.every((one, at) => at === 0 || one > numbers[at - 1]!)

const checked = (way: Way, receipts: Receipts, policy: "drop" | "replay") => {
  const [arrived, accepted, uncertain] = [new Set(way.arrived), new Set(way.accepted), reported(receipts)]
  assert.isAbove(way.accepted.length, 1000)
  // What arrives was accepted, in the order in which it was.
  assert.isTrue(increasing(way.accepted))
  assert.isTrue(increasing([...arrived]), "out of order")
  assert.isTrue(
    [...arrived].every((one) => accepted.has(one)),
    "from nowhere",
  )
  if (policy === "drop") {
    assert.strictEqual(arrived.size, way.arrived.length, "twice")
    const missing = way.accepted.flatMap((one, at) => (arrived.has(one) ? [] : [at + 1]))
    assert.deepStrictEqual(
      missing.filter((seq) => !uncertain.has(seq)),
      [],
      "missing without a word",
    )
  } else assert.strictEqual(arrived.size, way.accepted.length, "missing")
  for (const { lost, outcome, uncertain: count } of receipts) {
    assert.strictEqual(lost, 0)
    if (count > 0) assert.strictEqual(outcome, policy === "drop" ? "dropped" : "replayed")
  }
}

describe("a session whose client and upstream are killed at random", () => {
  for (const [policy, kills, seeds] of [
    ["drop", 500, ["one", "two"]],
    ["replay", 150, ["three", "four"]],
  ] as const) {
    it.live(
      policy === "drop"
        ? "keeps the order, delivers nothing twice, and reports everything that it cannot vouch for"
        : "keeps the order and loses nothing with `replay`",
      () =>
        Effect.forEach(
          seeds,
          Effect.fnUntraced(function* (seed) {
            const { downward, proxy, receipts, upward } = yield* Random.withSeed(
              survive(kills, { uncertain: policy }),
              seed,
            )
            const of = (hop: "client" | "upstream") => receipts.filter((receipt) => receipt.hop === hop)
            checked(upward, of("upstream"), policy)
            checked(downward, of("client"), policy)
            const outcome = policy === "drop" ? "dropped" : "replayed"
            const counted = (direction: string) =>
              proxy.metrics()[`holdfast_messages_uncertain_total{direction="${direction}",outcome="${outcome}"}`]
            yield* eventually(() => counted("up") === sum(of("upstream")) && counted("down") === sum(of("client")))
            assert.isAbove(sum(receipts), 0)
          }),
          { concurrency: 2, discard: true },
        ),
      55_000,
    )
  }
})
