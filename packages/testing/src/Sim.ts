/**
 * Runs a program in a world where time, chance and the order of fibers come from one seed: a year takes seconds, a hang is a report.
 * Not for programs that need real sockets, timers or promises; those are told apart and reported.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import type * as Scope from "effect/Scope"
import type * as Check from "./Check.ts"
import type * as Commands from "./Commands.ts"
import type * as FaultPlan from "./FaultPlan.ts"
import type * as History from "./History.ts"
import { divergence } from "./internal/divergence.ts"
import * as Exploration from "./internal/exploration.ts"
import type { Escape } from "./internal/realWorld.ts"
import * as References from "./internal/references.ts"
import { insist, siteOf } from "./internal/report.ts"
import type { Decision } from "./internal/scheduler.ts"
import { simulate } from "./internal/simulation.ts"
import type { Waiting } from "./internal/stuck.ts"
import * as VirtualNetwork from "./VirtualNetwork.ts"

export type { Escape } from "./internal/realWorld.ts"
export type { Decision } from "./internal/scheduler.ts"
export { Stuck, type Waiting } from "./internal/stuck.ts"

/** What the simulator provides, beside the replaced clock, chance, scheduler and registries. */
export type World = VirtualNetwork.VirtualNetwork | Scope.Scope

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
  /** What goes wrong when. Default: nothing. */
  readonly plan?: FaultPlan.FaultPlan | undefined
  /** Keeps every decision. Default `false`. */
  readonly trace?: boolean | undefined
}

/** Runs once. Synchronous: there is no event loop in here. */
export const run = <A, E>(program: Effect.Effect<A, E, World>, options?: RunOptions): Run<A, E> =>
  simulate(program, options)

/** Waits until the plan has run out and everything is well again: the second phase, in which progress is demanded. */
export const healed: Effect.Effect<void, never, VirtualNetwork.VirtualNetwork> = Effect.flatMap(
  VirtualNetwork.VirtualNetwork,
  (network) => network.healed,
)

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
  /** Which plans to draw. Default: none; then run after run only takes the next seed. */
  readonly faults?: FaultPlan.Options | undefined
  /** What must hold, besides that the program succeeds, leaves no fiber and stays in the simulation. */
  readonly check?: ReadonlyArray<Check.Check> | undefined
  /** Operations of which a sequence is drawn for each run; the program plays it. */
  readonly commands?: Commands.Sequences | undefined
  /** Default `200`, or no limit when there is a `time`; env `HOLDFAST_RUNS` wins. */
  readonly runs?: number | undefined
  /** Stops after this much real time; env `HOLDFAST_TIME` wins, also over `runs`. Default: never. */
  readonly time?: Duration.Input | undefined
  /** Decides what is drawn; without `faults` the first seed. Default: 0 in CI, fresh otherwise; env `HOLDFAST_SEED` wins, also `fresh`. */
  readonly seed?: number | undefined
  /** A folder of plans that failed before, as JSON files; they run first. Default: none. */
  readonly corpus?: string | undefined
  /**
   * A folder for what fails: `plan.json`, `history.jsonl` and `timeline.svg`, in a folder of its own for each failure; env
   * `HOLDFAST_FAILURES` wins. Default: nothing is written.
   */
  readonly failures?: string | undefined
}

/** What an exploration found. */
export type Report<E = unknown> =
  | {
      readonly _tag: "Passed"
      readonly runs: number
      /** What was odd about a plan of the corpus or a replay, if anything was. */
      readonly notes?: ReadonlyArray<string> | undefined
    }
  | {
      readonly _tag: "Unseen"
      readonly runs: number
      /** The `Check.sometimes` that were never true. */
      readonly unseen: ReadonlyArray<string>
    }
  | Failed<E>

/** A run that failed: the smallest that fails in the same way as the one that was found. */
export interface Failed<E = unknown> {
  readonly _tag: "Failed"
  readonly seed: number
  readonly plan: FaultPlan.FaultPlan
  /** The sequence of operations, if one was drawn. */
  readonly commands?: ReadonlyArray<Commands.Call> | undefined
  /** The plan with which it was found, after so many runs. */
  readonly first: FaultPlan.FaultPlan
  readonly runs: number
  /** Which checks object, and to what. */
  readonly broken: ReadonlyArray<{ readonly check: string; readonly rows: ReadonlyArray<History.Row> }>
  readonly exit: Exit.Exit<unknown, E>
  readonly leaked: ReadonlyArray<Waiting>
  readonly escapes: ReadonlyArray<Escape>
  readonly history: ReadonlyArray<History.Row>
  readonly hash: string
  /** What to put before the command of the test to run this, and only this, again. */
  readonly replay: string
  /** The history in lanes, as text. */
  readonly timeline: string
  /** What was written. */
  readonly files: ReadonlyArray<string>
  readonly notes: ReadonlyArray<string>
}

/**
 * Runs plan after plan until one fails: by its exit, by a check, by a fiber that is left, or by something real it started. Then it looks
 * for the smallest plan that fails in the same way.
 *
 * **Details**
 *
 * `HOLDFAST_REPLAY`, as a failure prints it, is the only run there is. Else the plans of `corpus` run first.
 */
export const explore = <E>(options: Options, program: Effect.Effect<unknown, E, World>): Report<E> =>
  Exploration.explore(options, program)

/** `explore` that throws what it finds, with the smallest plan, the line that replays it and a timeline. For any test runner. */
export const assert = <E>(options: Options, program: Effect.Effect<unknown, E, World>): void =>
  insist(explore(options, program), "the command of this test", siteOf(assert))

/** Names a fiber in reports, and those it starts. Cheaper than a span, and not for telemetry. */
export const named: {
  (name: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, name: string): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, name: string): Effect.Effect<A, E, R> =>
  Effect.provideService(self, References.Name, name),
)
