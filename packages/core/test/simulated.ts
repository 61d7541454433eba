/**
 * Runs a story with a `World` in the simulator, and properties over random plans for such stories.
 */
import { assert, it } from "@effect/vitest"
import { Events } from "@holdfast/core"
import { Sim } from "@holdfast/testing"
import { Cause, Effect, Exit, Layer, Logger, type Schema, type Scope } from "effect"
import type { World } from "./world.ts"

/** What a story writes down. */
interface Diary {
  /** Broken promises, in words. */
  readonly wrong: ReadonlyArray<string>
}

/** Multiplies the runs of every property. */
export const times = Number(process.env["HOLDFAST_RUNS"] ?? 1)

/** What every plan has. */
interface Plan {
  readonly seed: number
  readonly preempt: number
}

/** What became of a plan; `wrong` says which promises were broken. */
export interface Ran<W extends Diary = World> {
  readonly world: W
  readonly wrong: ReadonlyArray<string>
}

const quiet = Layer.merge(Events.layer({ capacity: 4096 }), Logger.layer([]))

/** Runs the plan's story. */
export const simulated = <P extends Plan, W extends Diary = World>(
  plan: P,
  story: (plan: P, made: (world: W) => void) => Effect.Effect<unknown, unknown, Scope.Scope>,
): Ran<W> => {
  let world: W | undefined
  const { escapes, exit, leaked } = Sim.run(
    Effect.provide(
      Effect.suspend(() => story(plan, (made) => (world = made))),
      quiet,
    ),
    { seed: plan.seed, preempt: plan.preempt, atMost: "10 minutes", maxSteps: 300_000 },
  )
  const wrong = [
    ...world!.wrong,
    ...(Exit.isFailure(exit) ? [Cause.pretty(exit.cause)] : []),
    ...leaked.map(({ name, where }) => `leaked ${name} ${where ?? ""}`),
    ...escapes.map(({ kind }) => `escaped ${kind}`),
  ]
  return { world: world!, wrong }
}

/** Properties over random plans, or over those that `force` makes of them. */
export const properties =
  <P extends Plan, W extends Diary = World>(plans: Schema.Codec<P>, run: (plan: P) => Ran<W>, seed: string) =>
  (name: string, runs: number, force: (plan: P) => P, also?: (world: W, plan: P) => void): void =>
    it.effect.prop(
      name,
      [plans],
      ([drawn]) =>
        Effect.sync(() => {
          const plan = force(drawn)
          const { world, wrong } = run(plan)
          if (wrong.length === 0) also?.(world, plan)
          assert.deepStrictEqual([...wrong, ...world.wrong], [])
        }),
      { arbitrary: { runs: runs * times, seed, maxShrinks: 2000 }, timeout: 60_000 * times },
    )
