import { assert, describe, it } from "@effect/vitest"
import { Sim } from "@holdfast/testing"
import { Effect } from "effect"
import { Plan } from "./world/sessionPlan.ts"
import { run, story } from "./world/sessionWorld.ts"

const times = Number(process.env["HOLDFAST_RUNS"] ?? 1)
const arbitrary = { seed: process.env["HOLDFAST_SEED"] ?? "sessions", maxShrinks: 2000 }

/** Runs random plans, or those that `force` makes of them. */
const always = (name: string, runs: number, force: (plan: Plan) => Plan) =>
  it.effect.prop(name, [Plan], ([plan]) => Effect.sync(() => assert.deepStrictEqual(run(force(plan)), [])), {
    arbitrary: { ...arbitrary, runs: runs * times },
    timeout: 120_000 * times,
  })

describe("a session, whatever happens to it", () => {
  always("keeps all its promises", 500, (plan) => plan)

  it.effect.prop(
    "is decided by its plan",
    [Plan],
    ([plan]) => Effect.sync(() => assert.isUndefined(Sim.check(story(plan), { seed: plan.seed, preempt: 0.2 }))),
    { arbitrary: { ...arbitrary, runs: 10 * times }, timeout: 60_000 * times },
  )
})
