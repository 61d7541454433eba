import { assert, describe, it } from "@effect/vitest"
import { Sim } from "@holdfast/testing"
import { Effect } from "effect"
import { Plan, run, story } from "./world/clientPlan.ts"

const times = Number(process.env["HOLDFAST_RUNS"] ?? 1)
const arbitrary = { seed: process.env["HOLDFAST_SEED"] ?? "clients", maxShrinks: 1000 }

/** Runs random plans, or those that `force` makes of them. */
const always = (name: string, runs: number, force: (plan: Plan) => Plan) =>
  it.effect.prop(name, [Plan], ([plan]) => Effect.sync(() => assert.deepStrictEqual(run(force(plan)), [])), {
    arbitrary: { ...arbitrary, runs: runs * times },
    timeout: 90_000 * times,
  })

describe("a client, whatever happens to it", () => {
  always("keeps all its promises", 150, (plan) => ({ ...plan, proxied: false }))

  always("keeps them through a proxy", 100, (plan) => ({ ...plan, proxied: true }))

  always("keeps them when everything happens at once", 100, (plan) => ({
    ...plan,
    deeds: plan.deeds.map(({ deed, wait }) => ({ deed, wait: wait > 10 ? 2 : wait })),
    preempt: 0.4,
  }))

  it.effect.prop(
    "is decided by its plan",
    [Plan],
    ([plan]) => Effect.sync(() => assert.isUndefined(Sim.check(story(plan), { seed: plan.seed, preempt: 0.2 }))),
    { arbitrary: { ...arbitrary, runs: 10 * times }, timeout: 60_000 * times },
  )
})
