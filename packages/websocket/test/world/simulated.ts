/**
 * Runs a program in the simulator, some seeds of it, and fails with what it says, leaves or starts for real.
 */
import { Sim } from "@holdfast/testing"
import { Cause, Effect, Exit } from "effect"

/** For `it`: the program must succeed whatever the order of its fibers. */
export const simulated = (program: () => Effect.Effect<void, unknown, Sim.World>) => () =>
  Sim.assert({ runs: 20, seed: 0, preempt: 0.2, atMost: "10 minutes" }, Effect.suspend(program))

/** Plays a story once; the answer is what it found wrong, and what it left or started for real. */
export const played = (
  story: Effect.Effect<ReadonlyArray<string>, unknown, Sim.World>,
  options: Sim.RunOptions,
): ReadonlyArray<string> => {
  const { escapes, exit, leaked } = Sim.run(story, options)
  return [
    ...(Exit.isFailure(exit) ? [Cause.pretty(exit.cause)] : exit.value),
    ...leaked.map(({ name, where }) => `leaked ${name} ${where ?? ""}`),
    ...escapes.map(({ kind }) => `escaped ${kind}`),
  ]
}
