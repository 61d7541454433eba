/**
 * One run of an exploration, and everything that is wrong with it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Check } from "../Check.ts"
import type { Row } from "../History.ts"
import type { Options, Run, World } from "../Sim.ts"
import { Calls } from "./calls.ts"
import type { Case } from "./replay.ts"
import { type Aside, simulate } from "./simulation.ts"
import { Stuck } from "./stuck.ts"

/** A check and the rows it objects to. */
export interface Broken {
  readonly check: string
  readonly rows: ReadonlyArray<Row>
}

/** One run, judged. */
export interface Trial<E> {
  readonly run: Run<unknown, E>
  readonly broken: ReadonlyArray<Broken>
  /** In a word each, what is wrong, what may have caused the rest first; empty when nothing is. */
  readonly wrong: ReadonlyArray<string>
}

/** Runs a case and judges it. */
export const run = <E>(
  options: Options,
  program: Effect.Effect<unknown, E, World>,
  { calls, plan }: Case,
  aside: Aside,
): Trial<E> => {
  const { atMost, check = [], maxSteps, preempt } = options
  const own = calls === undefined ? program : Effect.provideService(program, Calls, calls)
  const run = simulate(own, { atMost, maxSteps, plan, preempt, seed: plan.seed }, aside)
  const broken = check.map((check) => judged(check, run.history)).filter(({ rows }) => rows.length > 0)
  return {
    run,
    broken,
    wrong: [
      ...(Exit.isFailure(run.exit) ? [ending(run.exit.cause)] : []),
      ...(run.escapes.length > 0 ? ["escape"] : []),
      ...broken.map(({ check }) => `check ${check}`),
      ...(run.leaked.length > 0 ? ["leak"] : []),
    ],
  }
}

const judged = ({ judge, name }: Check, history: ReadonlyArray<Row>): Broken => ({
  check: name,
  rows: Result.getOrThrowWith(
    Result.try(() => judge(history)),
    (cause) => new Error(`the check ${JSON.stringify(name)} cannot judge: ${String(cause)}`, { cause }),
  ),
})

// Not the message: it may tell numbers that are others in a smaller plan.
const ending = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  if (error instanceof Stuck) return `stuck ${error.reason}`
  const kind = Cause.hasDies(cause) ? "defect" : Cause.hasFails(cause) ? "failure" : "interrupt"
  return `${kind} ${Predicate.hasProperty(error, "_tag") ? String(error._tag) : error instanceof Error ? error.name : ""}`
}
