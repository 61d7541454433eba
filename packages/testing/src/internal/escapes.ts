/**
 * What a run has started in the real world, and which of its fibers waits for it now.
 */
import * as Fiber from "effect/Fiber"
import type { Known } from "./fibers.ts"
import type { Moment } from "./moment.ts"
import type { Escape, Sighting } from "./realWorld.ts"

/** The escapes of a run. */
export interface Escapes {
  readonly add: (sighting: Sighting) => void
  /** Everything that is more than a promise. */
  readonly all: () => ReadonlyArray<Escape>
  /** Promises and the like, one for each line that made some. */
  readonly suspects: () => ReadonlyArray<Escape>
  /** What this fiber started with the last thing it did: that is what it waits for. */
  readonly of: (known: Known) => Escape | undefined
}

interface Record {
  readonly escape: Escape
  readonly soft: boolean
  readonly step: number
  readonly operation: number
}

/** None yet. */
export const make = (moment: Moment): Escapes => {
  const all: Array<Escape> = []
  const suspects = new Map<string, Escape>()
  const last = new Map<Fiber.Fiber<unknown, unknown>, Record>()
  return {
    add: ({ kind, soft, where }) => {
      const escape = { kind, where }
      // A program that starts one in a loop needs no complete list.
      if (!soft && all.length < 1000) all.push(escape)
      if (soft && where !== undefined && suspects.size < 100) suspects.set(where, suspects.get(where) ?? escape)
      const fiber = Fiber.getCurrent()
      if (fiber === undefined) return
      const record = { escape, soft, step: moment.steps, operation: fiber.currentOpCount }
      if (better(record, last.get(fiber))) last.set(fiber, record)
    },
    all: () => all,
    suspects: () => [...suspects.values()],
    of: ({ fiber, step }) => {
      const record = last.get(fiber)
      return record?.step === step && record.operation === fiber.currentOpCount ? record.escape : undefined
    },
  }
}

// One operation may start several things. A timer says more than the promise around it, and a line more than none.
const better = (fresh: Record, old: Record | undefined): boolean => {
  if (old === undefined || old.step !== fresh.step || old.operation !== fresh.operation) return true
  return old.soft === fresh.soft ? old.escape.where === undefined : old.soft
}
