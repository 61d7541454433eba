/**
 * Time for plain code: the clock of an Effect program, and wake-ups on it that end with a scope.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"

/** One wake-up at a time. */
export interface Alarm {
  /** Milliseconds that never go back. */
  readonly now: () => number
  /** Wakes at that time, instead of at any other. */
  readonly at: (time: number, wake: () => void) => void
  readonly off: () => void
}

/** Makes alarms; all are off when the scope closes. */
export const alarms: Effect.Effect<() => Alarm, never, Scope.Scope> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const run = yield* FiberSet.makeRuntime<never>()
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  return () => {
    let fiber: Fiber.Fiber<unknown, unknown> | undefined
    let due = Infinity
    const off = () => {
      fiber?.interruptUnsafe()
      fiber = undefined
      due = Infinity
    }
    const at = (time: number, wake: () => void) => {
      if (due === time) return
      off()
      due = time
      const ring = Effect.sync(() => {
        fiber = undefined
        due = Infinity
        wake()
      })
      // Whole microseconds, and one at least: clocks round what is smaller, and must not ring too early or inside this call.
      const micros = Math.max(1, Math.ceil((time - now()) * 1000))
      fiber = run(Effect.delay(ring, micros / 1000))
    }
    return { now, at, off }
  }
})
