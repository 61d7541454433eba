/**
 * So many at a time, the others in the order they came. Effect's `Semaphore` does the same for permits of any number, and looks for
 * who is next among all who ever waited; here they may be thousands.
 */
import * as Effect from "effect/Effect"

/** Takes turns. */
export interface Turns {
  readonly take: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Nobody's turn yet. */
export const make = (most: number): Turns => {
  const waiting = new Set<() => void>()
  let taken = 0

  // Whoever is next gets the turn itself, so that nobody can come in between.
  const leave = Effect.sync(() => {
    const [first] = waiting // a set keeps its order
    if (first === undefined) return void taken--
    waiting.delete(first)
    first()
  })
  const queue = Effect.callback<void>((resume) => {
    const called = () => resume(Effect.void)
    waiting.add(called)
    return Effect.sync(() => waiting.delete(called))
  })
  const enter = Effect.suspend(() => {
    if (taken >= most) return queue
    taken++
    return Effect.void
  })

  return {
    take: (effect) =>
      Effect.uninterruptibleMask((restore) => Effect.andThen(restore(enter), Effect.ensuring(restore(effect), leave))),
  }
}
