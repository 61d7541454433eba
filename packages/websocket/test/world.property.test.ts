import { assert, describe, it } from "@effect/vitest"
import { Sim } from "@holdfast/testing"
import { Effect } from "effect"
import { Plan, run, story } from "./world/wirePlan.ts"

const times = Number(process.env["HOLDFAST_RUNS"] ?? 1)
const arbitrary = { seed: process.env["HOLDFAST_SEED"] ?? "wires", maxShrinks: 2000 }

/** Runs random plans, or those that `force` makes of them. */
const always = (name: string, runs: number, force: (plan: Plan) => Plan) =>
  it.effect.prop(name, [Plan], ([plan]) => Effect.sync(() => assert.deepStrictEqual(run(force(plan)), [])), {
    arbitrary: { ...arbitrary, runs: runs * times },
    timeout: 60_000 * times,
  })

describe("a virtual connection, whatever happens to it", () => {
  always("keeps order, loses only ends, and confirms what was received", 700, (plan) => plan)

  always("loses nothing when it is only slow", 250, (plan) => ({ ...plan, blows: [] }))

  it.effect.prop(
    "is decided by its plan",
    [Plan],
    ([plan]) => Effect.sync(() => assert.isUndefined(Sim.check(story(plan), { seed: plan.seed, preempt: 0.2 }))),
    { arbitrary: { ...arbitrary, runs: 50 * times }, timeout: 60_000 * times },
  )
})
