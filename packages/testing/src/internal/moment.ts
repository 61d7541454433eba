/**
 * Where a run is: how late, after how many decisions, after how many operations. Every part of the simulator reads it, and each
 * number is written in one place only.
 */

/** The same object through a whole run. */
export interface Moment {
  /** Virtual milliseconds since the run began; may have a fraction. */
  now: number
  /** Decisions so far. */
  steps: number
  /** Operations of all fibers so far. */
  operations: number
}

/** The beginning. */
export const make = (): Moment => ({ now: 0, steps: 0, operations: 0 })
