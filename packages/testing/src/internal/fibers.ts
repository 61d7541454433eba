/**
 * Who is alive in a run, and what people call them. The scheduler sees every fiber before each of its operations and reports here;
 * Effect itself keeps no list.
 */
import type * as Fiber from "effect/Fiber"
import * as CallSite from "./callSite.ts"
import type { Moment } from "./moment.ts"
import * as References from "./references.ts"

/** A fiber of any type. */
export type AnyFiber = Fiber.Fiber<unknown, unknown>

/** What is known of a fiber. */
export interface Known {
  readonly fiber: AnyFiber
  /** In the order of first operations, from 1: Effect's own numbers go on from run to run. */
  readonly number: number
  /** The number of who started it, as far as that can be seen; not the fiber itself, or none could ever be forgotten. */
  readonly by: number | undefined
  /** Where it was started, if that was plain code. */
  readonly started: (() => ReadonlyArray<string>) | undefined
  /** When it last ran, and in which decision. */
  since: number
  step: number
}

/** The fibers of a run. */
export interface Fibers {
  /** A decision begins: a task that this fiber ordered will run. */
  readonly begin: (by: AnyFiber | undefined) => void
  /** Called before every operation, so it has to be cheap. */
  readonly running: (fiber: AnyFiber) => void
  /** The first fiber that ran since `begin`, by name; only where a trace is kept. */
  readonly first: () => string
  /** Everything that has not ended, oldest first. */
  readonly alive: () => ReadonlyArray<Known>
}

/** No fibers yet. With `trace`, `first` can name them; `located`, they know the lines that started them, which is most of what they cost. */
export const make = (
  moment: Moment,
  { located, trace }: { readonly located: boolean; readonly trace: boolean },
): Fibers => {
  const all = new Map<AnyFiber, Known>()
  let numbers = 0
  let sweepAt = 1024
  let last: AnyFiber | undefined
  let orderedBy: AnyFiber | undefined
  let first: Known | undefined
  let firstName = ""

  const add = (fiber: AnyFiber): Known => {
    // Ended fibers go in bulk: an observer on each would cost more than the fiber.
    if (all.size >= sweepAt) {
      for (const fiber of all.keys()) if (fiber.pollUnsafe() !== undefined) all.delete(fiber)
      sweepAt = Math.max(1024, 2 * all.size)
    }
    // One that starts inside another fiber's operation was started by that fiber.
    const by = first === undefined ? orderedBy : last
    const known = {
      fiber,
      number: ++numbers,
      by: by === undefined ? undefined : all.get(by)?.number,
      // A fork leaves no line of the program on the stack; a callback that runs an effect does, and has no better name.
      started: !located || (first === undefined && by !== undefined) ? undefined : CallSite.capture(20),
      since: moment.now,
      step: moment.steps,
    }
    all.set(fiber, known)
    return known
  }

  return {
    begin: (by) => {
      orderedBy = by
      last = undefined
      first = undefined
    },
    running: (fiber) => {
      if (fiber === last) return
      const known = all.get(fiber) ?? add(fiber)
      known.since = moment.now
      known.step = moment.steps
      last = fiber
      if (first === undefined) {
        first = known
        // Now, because a fiber that ends forgets its name.
        if (trace) firstName = nameOf(known)
      }
    },
    first: () => (first === undefined ? "no fiber" : firstName),
    alive: () => [...all.values()].filter(({ fiber }) => fiber.pollUnsafe() === undefined),
  }
}

/** `main`, or the best name there is and the number. */
export const nameOf = ({ fiber, number }: Known): string => {
  if (number === 1) return "main"
  const { span, stackFrame } = fiber.cache
  const local = span?._tag === "Span" ? span.name : undefined
  return `${fiber.getRef(References.Name) ?? local ?? stackFrame?.name ?? "fiber"}#${number}`
}

/** Where its innermost `Effect.fn` or span was called, else the lines that started it; plain generators leave no trace. */
export const whereIs = ({ fiber, started }: Known): string | undefined =>
  fiber.cache.stackFrame?.stack()?.replace(/^at /, "") ??
  (started === undefined ? undefined : CallSite.own(started()).slice(0, 2).join(" < ") || undefined)
