/**
 * Moves a run on: what can run does so, and when nothing can, the time goes on.
 */
import type { Hash } from "./hash.ts"
import type { Moment } from "./moment.ts"
import type { Stepper } from "./scheduler.ts"
import type { Stuck } from "./stuck.ts"
import type { Timers } from "./timers.ts"

/** Goes on until it is done, or this much virtual time or so many decisions have passed; then answers which. */
export type Drive = (done: () => boolean, until: number, steps: number) => Stuck["reason"] | undefined

/** The drive of a run. */
export const make = (run: {
  readonly moment: Moment
  readonly timers: Timers
  readonly hash: Hash
  readonly stepper: Stepper
}): Drive => {
  const { hash, moment, stepper, timers } = run

  // Everything that is due at the same instant can run in any order, so all of it becomes ready at once.
  const advance = () => {
    moment.now = timers.next()
    hash.mix(Math.floor(moment.now))
    hash.mix(Math.floor(moment.now / 2 ** 32))
    hash.mix(Math.floor((moment.now % 1) * 1e6))
    while (timers.next() === moment.now) stepper.ready(timers.pop()!.wake)
  }

  return (done, until, steps) => {
    while (!done()) {
      if (!stepper.idle()) {
        if (moment.steps >= steps) return "OutOfSteps"
        stepper.step()
      } else if (timers.next() === Infinity) return "Deadlock"
      else if (timers.next() > until) return "OutOfTime"
      else advance()
    }
    return undefined
  }
}
