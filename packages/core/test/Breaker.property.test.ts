import { assert, describe, it } from "@effect/vitest"
import { Plan, run } from "./breakerWorld.ts"
import { properties } from "./simulated.ts"

const seen = new Map<string, number>()
const watched = (plan: Plan) => {
  const ran = run(plan)
  for (const [what, times] of ran.world.seen) seen.set(what, (seen.get(what) ?? 0) + times)
  return ran
}
const always = properties(Plan, watched, process.env["HOLDFAST_SEED"] ?? "breakers")

describe("a breaker, whatever happens and in whatever order", () => {
  always("answers what the reference answers", 2000, (plan) => plan)

  always("answers so when everything happens at once", 1000, (plan) => ({
    ...plan,
    callers: plan.callers.map((caller) => ({ ...caller, at: caller.at % 12, again: 4 })),
    operators: plan.operators.map((operator) => ({ ...operator, at: operator.at % 16 })),
    preempt: 0.4,
  }))

  always("answers so when many wait for few probes", 1000, (plan) => ({
    ...plan,
    rules: ["consecutive"],
    onFull: "wait",
    callers: plan.callers.map((caller) => ({ ...caller, at: caller.at % 20, again: 4 })),
  }))

  it("and all of it was tried", () => {
    const rare = ["interrupted", "late", "waits", "bug in classify of a probe", "called while HalfOpen", "Isolated"]
    for (const what of rare) assert.isAbove(seen.get(what) ?? 0, 100, what)
  })
})
