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

describe("a client, as it once was found wanting,", () => {
  const plain: Plan = {
    proxied: false,
    uncertain: "drop",
    overflow: "Backpressure",
    messages: 1024,
    bytes: 1_000_000,
    greets: "no",
    window: 65_536,
    latency: 0,
    bandwidth: 1e9,
    resets: false,
    deeds: [],
    ending: "1000",
    seed: 0,
    preempt: 0,
  }

  it("dials again when it is told to reconnect in the moment in which it connects", () =>
    assert.deepStrictEqual(
      run({
        ...plain,
        window: 600,
        bandwidth: 5000,
        deeds: [
          { wait: 2, deed: { _tag: "Reconnect" } },
          { wait: 300, deed: { _tag: "Close", code: 1001 } },
        ],
        seed: 693_825,
        preempt: 0.4,
      }),
      [],
    ))

  it("takes nothing any more from those who waited for room when it ended", () =>
    assert.deepStrictEqual(
      run({
        ...plain,
        uncertain: "fail",
        messages: 3,
        bytes: 3000,
        latency: 1,
        bandwidth: 5000,
        deeds: [
          { wait: 60, deed: { _tag: "Say", count: 70, size: 0 } },
          { wait: 2, deed: { _tag: "Cut", client: 0, server: 0 } },
          { wait: 0, deed: { _tag: "Say", count: 70, size: 900 } },
        ],
      }),
      [],
    ))
})
