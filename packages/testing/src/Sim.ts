/**
 * Runs a program in a world where time, chance and the order of fibers come from one seed: a year takes seconds, a hang is a report.
 * Not for programs that need real sockets, timers or promises; those are told apart and reported.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import type * as Scope from "effect/Scope"
import type * as History from "./History.ts"
import { divergence } from "./internal/divergence.ts"
import * as Environment from "./internal/environment.ts"
import type { Escape } from "./internal/realWorld.ts"
import * as References from "./internal/references.ts"
import type { Decision } from "./internal/scheduler.ts"
import { simulate } from "./internal/simulation.ts"
import { list, type Waiting } from "./internal/stuck.ts"

export type { Escape } from "./internal/realWorld.ts"
export type { Decision } from "./internal/scheduler.ts"
export { Stuck, type Waiting } from "./internal/stuck.ts"

/** What the simulator provides, beside the replaced clock, chance, scheduler and registries. */
export type World = Scope.Scope

/** One run. */
export interface Run<A, E> {
  /** How the program and its scope ended; one that could not go on dies with `Stuck`, which names the fibers that wait. */
  readonly exit: Exit.Exit<A, E>
  /** Everything that the program, the network and the plan wrote down. */
  readonly history: ReadonlyArray<History.Row>
  /** Same decisions, same hash; in every process. */
  readonly hash: string
  /** Virtual milliseconds that the program took. */
  readonly now: number
  /** Decisions about who runs next. */
  readonly steps: number
  /** Fibers that were left after the program and its scope had ended. They are interrupted. */
  readonly leaked: ReadonlyArray<Waiting>
  /** Real timers, sockets and the like that were started during the run. Empty where they cannot be seen, as in browsers. */
  readonly escapes: ReadonlyArray<Escape>
  /** Every decision, if `trace` was asked for. The start is the one at index 0. */
  readonly trace: ReadonlyArray<Decision>
}

/** How to run once. */
export interface RunOptions {
  /** Any whole number. Default `0`. */
  readonly seed?: number | undefined
  /** Chance to switch fibers at any operation; below 1. Default `0.1`. */
  readonly preempt?: number | undefined
  /** Virtual time after which a run has failed. Default `"1 hour"`. */
  readonly atMost?: Duration.Input | undefined
  /** Decisions after which a run has failed. Default `1_000_000`. */
  readonly maxSteps?: number | undefined
  /** Keeps every decision. Default `false`. */
  readonly trace?: boolean | undefined
}

/** Runs once. Synchronous: there is no event loop in here. */
export const run = <A, E>(program: Effect.Effect<A, E, World>, options?: RunOptions): Run<A, E> =>
  simulate(program, options)

/** Where two runs of one seed parted. */
export interface Divergence {
  /** The first decision that was not the same; 0 is the start of the program. */
  readonly step: number
  readonly first: string
  readonly second: string
}

/**
 * Runs twice and compares every decision; `undefined` when all were the same, else the first that was not.
 *
 * **When to use**
 *
 * Before you trust a seed: a program that reads `Date.now()`, `Math.random()` or a variable of an earlier run does not replay.
 */
export const check = <A, E>(program: Effect.Effect<A, E, World>, options?: RunOptions): Divergence | undefined => {
  const traced = { ...options, trace: true }
  return divergence(simulate(program, traced).trace, simulate(program, traced).trace)
}

/** What to explore. */
export interface Options extends Pick<RunOptions, "preempt" | "atMost" | "maxSteps"> {
  /** Default `200`, or no limit when there is a `time`; env `HOLDFAST_RUNS` wins. */
  readonly runs?: number | undefined
  /** Stops after this much real time; env `HOLDFAST_TIME` wins. Default: never. */
  readonly time?: Duration.Input | undefined
  /** The first seed, the next run takes the next one. Default: 0 in CI, fresh otherwise; env `HOLDFAST_SEED` wins. */
  readonly seed?: number | undefined
}

/** What an exploration found. */
export type Report<E = unknown> =
  | { readonly _tag: "Passed"; readonly runs: number }
  | {
      readonly _tag: "Failed"
      /** The seed of the run that failed, and how many runs it took to find it. */
      readonly seed: number
      readonly runs: number
      readonly exit: Exit.Exit<unknown, E>
      readonly leaked: ReadonlyArray<Waiting>
      readonly escapes: ReadonlyArray<Escape>
      /** What to put before the command of the test to run this seed, and only this one. */
      readonly replay: string
    }

/** Runs seed after seed until one fails: by its exit, by a fiber that is left, or by something real it started. */
export const explore = <E>(options: Options, program: Effect.Effect<unknown, E, World>): Report<E> => {
  const { runs, seed: base, time } = Environment.budget(options)
  const start = Environment.realMillis()
  let done = 0
  while (done < runs && (done === 0 || Environment.realMillis() - start < time)) {
    const seed = base + done++
    const { escapes, exit, leaked } = simulate(program, { ...options, seed })
    if (Exit.isFailure(exit) || leaked.length > 0 || escapes.length > 0) {
      const replay = `HOLDFAST_SEED=${seed} HOLDFAST_RUNS=1`
      return { _tag: "Failed", seed, runs: done, exit, leaked, escapes, replay }
    }
  }
  return { _tag: "Passed", runs: done }
}

/** `explore` that throws what it finds, with the seed and how to replay it. For any test runner. */
export const assert = <E>(options: Options, program: Effect.Effect<unknown, E, World>): void => {
  const report = explore(options, program)
  if (report._tag === "Failed") throw new Error(explain(report), { cause: reason(report.exit) })
}

/** Names a fiber in reports, and those it starts. Cheaper than a span, and not for telemetry. */
export const named: {
  (name: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, name: string): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, name: string): Effect.Effect<A, E, R> =>
  Effect.provideService(self, References.Name, name),
)

const explain = ({ escapes, exit, leaked, replay, runs, seed }: Extract<Report, { readonly _tag: "Failed" }>): string =>
  [
    `seed ${seed} fails, run ${runs} of this exploration`,
    ...(Exit.isFailure(exit) ? [Cause.pretty(exit.cause)] : []),
    ...(leaked.length > 0 ? ["left after the program and its scope had ended:", ...list(leaked, [])] : []),
    ...(escapes.length > 0 ? ["started in the real world:", ...list([], escapes)] : []),
    `again: ${replay} and the command of this test`,
  ].join("\n")

const reason = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
