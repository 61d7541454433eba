/**
 * The event loop of every process in the virtual network: plain code that runs later, in virtual time, without a fiber. What is due at
 * the same instant runs in any order, as fibers do.
 */
import * as Result from "effect/Result"
import type { Moment } from "./moment.ts"
import type { Timers } from "./timers.ts"

/** Plain code, later. */
export interface Loop {
  /** Milliseconds since the run began. */
  readonly now: () => number
  /** Runs it in a turn of its own, after so many milliseconds; 0 is the next turn, never this one. The answer takes it back. */
  readonly after: (millis: number, run: () => void) => () => void
}

/** A loop over the timers of a run. Code that throws would crash a real process; here it ends the run. */
export const make = (options: {
  readonly moment: Moment
  readonly timers: Timers
  readonly ready: (task: () => void) => void
  readonly crash: (defect: unknown) => void
}): Loop => {
  const { crash, moment, ready, timers } = options
  const guarded = (run: () => void) => () => void Result.try({ try: run, catch: crash })
  return {
    now: () => moment.now,
    after: (millis, run) => {
      const turn = guarded(run)
      if (millis > 0) {
        const timer = timers.add(moment.now + millis, turn)
        return () => timers.remove(timer)
      }
      let wanted = true
      ready(() => {
        if (wanted) turn()
      })
      return () => {
        wanted = false
      }
    },
  }
}
