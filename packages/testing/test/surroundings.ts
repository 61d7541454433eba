/**
 * Explorations that look at their surroundings, whoever explores the tests themselves.
 */
import { assert, vi } from "@effect/vitest"
import { Sim } from "@holdfast/testing"
import type { Effect } from "effect"

/** For `beforeEach`: none of our variables is set. */
export const clean = () => {
  for (const name of ["SEED", "RUNS", "TIME", "REPLAY", "FAILURES"]) vi.stubEnv(`HOLDFAST_${name}`, "")
}

/** For `afterEach`. */
export const restore = () => void vi.unstubAllEnvs()

/** What an exploration finds that must fail. */
export const explored = <E>(options: Sim.Options, program: Effect.Effect<unknown, E, Sim.World>): Sim.Failed<E> => {
  const report = Sim.explore(options, program)
  return report._tag === "Failed" ? report : assert.fail(`it is ${report._tag}`)
}

/** What `Sim.assert` throws. */
export const thrown = (options: Sim.Options, program: Effect.Effect<unknown, unknown, Sim.World>): Error => {
  let found: unknown
  assert.throws(() => {
    try {
      Sim.assert(options, program)
    } catch (error) {
      found = error
      throw error
    }
  })
  return found instanceof Error ? found : assert.fail("not an error")
}

/** Replays what a failure says, in this process. */
export const replaying = ({ replay }: Pick<Sim.Failed, "replay">) =>
  vi.stubEnv("HOLDFAST_REPLAY", /^HOLDFAST_REPLAY='(.*)'$/.exec(replay)![1])
