/**
 * Runs a program in the simulator, some seeds of it, and fails with what it says, leaves or starts for real.
 */
import { Sim } from "@holdfast/testing"
import { Effect, type Scope } from "effect"

/** For `it`: the program must succeed whatever the order of its fibers. */
export const simulated = (program: () => Effect.Effect<void, unknown, Scope.Scope>) => () =>
  Sim.assert({ runs: 20, seed: 0, preempt: 0.2, atMost: "10 minutes" }, Effect.suspend(program))
