import { assert, describe, it } from "@effect/vitest"
import { Sim } from "@holdfast/testing"
import { Effect } from "effect"
import { Plan, run, story } from "./world/rpcWorld.ts"

const times = Number(process.env["HOLDFAST_RUNS"] ?? 1)
const arbitrary = { seed: process.env["HOLDFAST_SEED"] ?? "rpc", maxShrinks: 500 }

describe("Effect RPC over a client's socket, whatever happens to its connections", () => {
  it.effect.prop(
    "ends every call, with its answer or a typed error, and does none twice",
    [Plan],
    ([plan]) => Effect.sync(() => assert.deepStrictEqual(run(plan), [])),
    { arbitrary: { ...arbitrary, runs: 150 * times }, timeout: 90_000 * times },
  )

  it.effect.prop(
    "answers every call while nothing happens",
    [Plan],
    ([plan]) => Effect.sync(() => assert.deepStrictEqual(run({ ...plan, blows: [] }), [])),
    { arbitrary: { ...arbitrary, runs: 30 * times }, timeout: 60_000 * times },
  )

  it.effect.prop(
    "is decided by its plan",
    [Plan],
    ([plan]) => Effect.sync(() => assert.isUndefined(Sim.check(story(plan), { seed: plan.seed, preempt: 0.2 }))),
    { arbitrary: { ...arbitrary, runs: 10 * times }, timeout: 60_000 * times },
  )
})
