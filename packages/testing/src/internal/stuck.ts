/**
 * Why a run could not go on, told so that a person finds the place: who waits, since when, and for what if that is real.
 */
import * as Data from "effect/Data"
import type { Escape } from "./realWorld.ts"

/** A fiber that has not ended. */
export interface Waiting {
  /** `main`; else its `Sim.named`, its span or its `Effect.fn`, and a number in the order of first steps. */
  readonly name: string
  /** The fiber that started it, as far as that can be seen. */
  readonly by: string | undefined
  /** When it last ran, in virtual milliseconds. */
  readonly since: number
  /** Where its innermost `Effect.fn` or span was called; else the lines of plain code that started it, if those did. */
  readonly where: string | undefined
  /** The real thing it waits for, if it does. */
  readonly escape: Escape | undefined
}

/**
 * The program did not end. A defect of the run's exit.
 *
 * **Details**
 *
 * | reason | |
 * | --- | --- |
 * | `Deadlock` | nothing can run and no timer is set |
 * | `Escaped` | the same, and something real was started, for which a run does not wait |
 * | `OutOfTime` | `atMost` of virtual time has passed |
 * | `OutOfSteps` | `maxSteps` decisions were made |
 */
export class Stuck extends Data.TaggedError("Stuck")<{
  readonly reason: "Deadlock" | "Escaped" | "OutOfTime" | "OutOfSteps"
  /** Virtual milliseconds since the run began. */
  readonly at: number
  readonly waiting: ReadonlyArray<Waiting>
  /** Real timers, sockets and the like that were started during the run. */
  readonly escapes: ReadonlyArray<Escape>
  /** Promises and the like that were started: innocent, unless one of them should have woken somebody. */
  readonly suspects: ReadonlyArray<Escape>
  /** Whether escapes could be seen at all. */
  readonly canSee: boolean
}> {
  override get message(): string {
    const { at, escapes, reason, suspects, waiting } = this
    const told = `${whys[reason]}, after ${at} ms of virtual time; ${advice[reason]}`
    if (reason !== "Deadlock") return [told, ...list(waiting, escapes)].join("\n")
    const perhaps = few(suspects, ({ kind, where }) => `  perhaps the real ${kind}${place(where)}`, "more promises")
    return [told, ...list(waiting, escapes), ...perhaps, ...(this.canSee ? [] : [unseen])].join("\n")
  }
}

/** The fibers and the escapes, a line each. */
export const list = (waiting: ReadonlyArray<Waiting>, escapes: ReadonlyArray<Escape>): ReadonlyArray<string> => [
  ...few(waiting, describe, "more fibers"),
  ...few(
    escapes.filter((one) => waiting.every(({ escape }) => escape !== one)),
    ({ kind, where }) => `  real ${kind}${place(where)}`,
    "more escapes",
  ),
]

const describe = ({ by, escape, name, since, where }: Waiting): string => {
  const started = by === undefined ? "" : `, started by ${by}`
  const real = escape === undefined ? "" : `, for a real ${escape.kind}${place(escape.where ?? where)}`
  return `  ${name}${started}: waits since ${since} ms${real || place(where)}`
}

const place = (where: string | undefined): string => (where === undefined ? "" : ` at ${where}`)

const few = <A>(all: ReadonlyArray<A>, line: (one: A) => string, more: string): ReadonlyArray<string> => [
  ...all.slice(0, 20).map(line),
  ...(all.length > 20 ? [`  and ${all.length - 20} ${more}`] : []),
]

const whys = {
  Deadlock: "nothing can run and no timer is set",
  Escaped: "nothing can run, and the program has left the simulation",
  OutOfTime: "the run has taken too long",
  OutOfSteps: "the run has taken too many steps",
}

const advice = {
  Deadlock: "find out who should have woken these fibers",
  Escaped: "put a service in front of what is real, and provide a simulated one",
  OutOfTime: "raise `atMost`, or find out what never ends",
  OutOfSteps: "raise `maxSteps`, or find out what goes round in circles",
}

const unseen = "If one of them waits for a real promise, timer or socket, the program has left the simulation."
