/**
 * Whatever toxics come and go, in whatever combination, and however the sink takes it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Chance from "../src/internal/chance.ts"
import type { Toxic } from "../src/internal/proxyLane.ts"
import { bandwidth, limit, slices } from "../src/internal/toxicGates.ts"
import { lane } from "./laneStand.ts"

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const Step = Schema.Union([
  Schema.TaggedStruct("says", { length: upTo(40) }),
  Schema.TaggedStruct("passes", { millis: upTo(50) }),
  Schema.TaggedStruct("takes", { yes: Schema.Boolean }),
  Schema.TaggedStruct("add", { kind: upTo(5), size: upTo(30) }),
  Schema.TaggedStruct("remove", { at: upTo(5) }),
])
const Steps = Schema.Array(Step).check(Schema.isMaxLength(60))

const toxic = (kind: number, size: number): Toxic => {
  const chance = Chance.make(size, "random")
  const kinds: ReadonlyArray<() => Toxic> = [
    () => ({ late: () => chance() % (size + 1) }),
    () => ({ lateEnd: size }),
    () => ({ holds: true }),
    () => ({ gate: bandwidth(100 + size * 100, size) }),
    () => ({ gate: slices({ average: size, variation: 3, gap: size % 3 }, chance) }),
    () => ({ counts: () => "pass" }),
  ]
  return kinds[kind]!()
}

/** Lives through the steps; what was said, and what came out so far. */
const live = (steps: typeof Steps.Type, check: (said: string, got: string) => void) => {
  const it = lane()
  const on: Array<Toxic> = []
  let said = ""
  const got = () => it.got.map((one) => one.replace(/^[^:]*:/, "")).join("")
  for (const step of steps) {
    if (step._tag === "says" && step.length > 0) {
      const text = Array.from({ length: step.length }, (_, at) =>
        String.fromCharCode(97 + ((said.length + at) % 26)),
      ).join("")
      said += text
      it.says(text)
    }
    if (step._tag === "passes") it.passes(step.millis)
    if (step._tag === "takes") {
      it.state.takes = step.yes
      if (step.yes) it.lane.drained()
    }
    if (step._tag === "add") it.lane.add(on[on.push(toxic(step.kind, step.size)) - 1]!)
    if (step._tag === "remove") for (const one of on.splice(step.at, 1)) it.lane.remove(one)
    check(said, got())
  }
  return { ...it, on, said: () => said, all: got }
}

const arbitrary = { runs: 300, seed: 1 }

describe("a lane", () => {
  it.effect.prop(
    "never loses, repeats or reorders a byte, and gives everything, and the end behind it, when all is well",
    [Steps],
    ([steps]) =>
      Effect.sync(() => {
        const it = live(steps, (said, got) => assert.isTrue(said.startsWith(got), `${got} of ${said}`))
        it.lane.ended(() => it.got.push(":END"))
        it.state.takes = true
        it.lane.drained()
        for (const one of it.on) it.lane.remove(one)
        it.passes(1000)
        assert.strictEqual(it.all(), `${it.said()}END`)
        assert.isTrue(it.state.reads)
        assert.isFalse(it.lane.hasLost)
      }),
    { arbitrary },
  )

  it.effect.prop(
    "lets exactly so many bytes through a limit, whatever else goes on",
    [Steps, upTo(200)],
    ([steps, bytes]) =>
      Effect.sync(() => {
        let reached = 0
        const it = live(steps, () => {})
        const before = it.all().length
        it.lane.add({
          gate: limit(bytes + 1, () => {
            reached++
            it.lane.mute()
          }),
        })
        it.says("z".repeat(300))
        it.state.takes = true
        it.lane.drained()
        for (const one of it.on) it.lane.remove(one)
        it.passes(1000)
        assert.deepStrictEqual([it.all().length - before, reached], [bytes + 1, 1])
      }),
    { arbitrary },
  )
})
