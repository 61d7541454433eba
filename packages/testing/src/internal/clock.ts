/**
 * Effect's `Clock` for a run: it stands still while anything can run. It starts at the beginning of 1970, as `TestClock` does, so
 * that the time is also how long the run has taken.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Moment } from "./moment.ts"
import type { Timers } from "./timers.ts"

/** A clock that shows the moment and orders its wake-ups from the timers. */
export const make = (moment: Moment, timers: Timers): Clock.Clock => {
  // Real clocks show whole milliseconds, whatever the delays were.
  const millis = () => Math.floor(moment.now)
  const nanos = () => {
    const whole = Math.floor(moment.now)
    return BigInt(whole) * 1_000_000n + BigInt(Math.round((moment.now - whole) * 1e6))
  }
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) => {
      const delay = Duration.toMillis(duration)
      if (delay <= 0) return Effect.yieldNow
      if (delay === Infinity) return Effect.never
      return Effect.callback((resume) => {
        const timer = timers.add(moment.now + delay, () => resume(Effect.void))
        return Effect.sync(() => timers.remove(timer))
      })
    },
  }
}
