/**
 * One alarm clock for many deadlines: whoever waits for a time leaves itself, and one fiber rings. Deadlines are rounded up to a tick;
 * a fiber runs only while somebody waits.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

/** How finely it measures, in milliseconds. */
export const tick = 25

/** Who waits for a time. An object, because there are very many, and most have one already. */
export interface Alarm {
  ring(): void
}

/** Where an alarm is set. */
export type Slot = number

/** The alarm clock. */
export interface Wheel {
  readonly now: () => number
  /** Rings at that time in milliseconds, or within a tick after it. */
  readonly at: (time: number, alarm: Alarm) => Slot
  /** Takes it back; one that has rung is gone already. */
  readonly off: (slot: Slot, alarm: Alarm) => void
}

/** One deadline that may be put off or called off. */
export class Deadline implements Alarm {
  readonly #wheel: Wheel
  #slot: Slot | undefined
  #callback: (() => void) | undefined

  constructor(wheel: Wheel) {
    this.#wheel = wheel
  }

  /** At that time in milliseconds; the one before is called off. */
  at(time: number, callback: () => void): void {
    this.stop()
    this.#callback = callback
    this.#slot = this.#wheel.at(time, this)
  }

  /** After so many milliseconds. */
  after(millis: number, callback: () => void): void {
    this.at(this.#wheel.now() + millis, callback)
  }

  stop(): void {
    if (this.#slot !== undefined) this.#wheel.off(this.#slot, this)
    this.#slot = undefined
    this.#callback = undefined
  }

  ring(): void {
    const callback = this.#callback
    this.#slot = undefined
    this.#callback = undefined
    callback?.()
  }
}

/** A wheel that stops with the scope. An alarm that throws is logged. */
export const make: Effect.Effect<Wheel, never, Scope.Scope> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const now = () => millis(clock)
  const slots = new Map<Slot, Set<Alarm>>()
  let sleepsUntil = Number.POSITIVE_INFINITY
  let wake = () => {}

  const due = Effect.gen(function* () {
    const over = [...slots.keys()].filter((slot) => slot * tick <= now()).toSorted((a, b) => a - b)
    for (const slot of over) {
      // One that is taken back by an earlier one must not be called: so the slot stays where it is while it is gone through.
      for (const alarm of slots.get(slot) ?? []) {
        yield* Effect.catchDefect(
          Effect.sync(() => alarm.ring()),
          (bug) => Effect.logError("a deadline died", bug),
        )
      }
      slots.delete(slot)
    }
  })
  const next = () => {
    let earliest = Number.POSITIVE_INFINITY
    for (const slot of slots.keys()) earliest = Math.min(earliest, slot * tick)
    return earliest
  }
  const sleep = Effect.suspend(() => {
    sleepsUntil = next()
    const woken = Effect.callback<void>((resume) => {
      wake = () => resume(Effect.void)
      if (next() < sleepsUntil) wake() // somebody came before there was anybody to wake
    })
    return Effect.raceFirst(woken, Effect.sleep(sleepsUntil - now()))
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(sleep, due)))

  return {
    now,
    at: (time, alarm) => {
      // Never into a slot that is being gone through.
      const slot = Math.max(Math.ceil(time / tick), Math.floor(now() / tick) + 1)
      const alarms = slots.get(slot) ?? new Set()
      slots.set(slot, alarms.add(alarm))
      if (slot * tick < sleepsUntil) wake()
      return slot
    },
    off: (slot, alarm) => {
      const alarms = slots.get(slot)
      alarms?.delete(alarm)
      if (alarms?.size === 0) slots.delete(slot)
    },
  }
})

/** Lets effects run for so long, each in a fiber of its own, and fails with the answer of `late` after that. Costs no timer. */
export const within =
  (wheel: Wheel, millis: number) =>
  <A, E, R, E2>(effect: Effect.Effect<A, E, R>, late: () => E2): Effect.Effect<A, E | E2, R> =>
    Effect.contextWith((context: Context.Context<R>) =>
      Effect.callback<A, E | E2>((resume) => {
        const fiber = Effect.runForkWith(context)(effect)
        const alarm = { ring: () => resume(Effect.andThen(Fiber.interrupt(fiber), Effect.failSync(late))) }
        const slot = wheel.at(wheel.now() + millis, alarm)
        fiber.addObserver((exit) => {
          wheel.off(slot, alarm)
          resume(exit)
        })
        return Fiber.interrupt(fiber)
      }),
    )

/** Milliseconds that neither jump nor run backwards, whatever is done to the system's clock. */
export const millis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
