/**
 * Tells who waits for what in a run that does not go on, or has left somebody behind.
 */
import type { Escapes } from "./escapes.ts"
import * as Fibers from "./fibers.ts"
import type { Moment } from "./moment.ts"
import * as RealWorld from "./realWorld.ts"
import { Stuck, type Waiting } from "./stuck.ts"

/** Has seen everything. */
export interface Witness {
  /** The fibers that have not ended. */
  readonly waiting: () => ReadonlyArray<Waiting>
  /** What to tell of a run that stopped for this reason. */
  readonly stuck: (reason: Stuck["reason"]) => Stuck
}

/** The witness of a run. */
export const make = (run: {
  readonly moment: Moment
  readonly fibers: Fibers.Fibers
  readonly escapes: Escapes
}): Witness => {
  const { escapes, fibers, moment } = run

  const waiting = (): ReadonlyArray<Waiting> => {
    const alive = fibers.alive()
    const names = new Map([[1, "main"], ...alive.map((known) => [known.number, Fibers.nameOf(known)] as const)])
    return alive.map((known) => ({
      name: names.get(known.number)!,
      by: known.by === undefined ? undefined : (names.get(known.by) ?? `#${known.by}, which has ended`),
      since: known.since,
      where: Fibers.whereIs(known),
      escape: escapes.of(known),
    }))
  }

  return {
    waiting,
    stuck: (reason) => {
      const left = waiting()
      const escaped = escapes.all().length > 0 || left.some(({ escape }) => escape !== undefined)
      return new Stuck({
        reason: reason === "Deadlock" && escaped ? "Escaped" : reason,
        at: moment.now,
        waiting: left,
        escapes: escapes.all(),
        suspects: escapes.suspects(),
        canSee: RealWorld.canSee(),
      })
    },
  }
}
