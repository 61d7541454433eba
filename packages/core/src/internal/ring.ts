/**
 * A ring of the last events and the readers that wait for the next one. Readers keep their own place, so a slow or forgotten
 * reader costs the hub nothing.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Entry, Event, Hub } from "../Events.ts"

/** An empty ring of that many places. */
export const make = (capacity: number, clock: Clock.Clock): Omit<Hub, "track"> => {
  const ring: Array<Entry> = []
  const waiting = new Set<() => void>()
  let last = 0

  const since = (id: number): ReadonlyArray<Entry> => {
    const oldest = last - ring.length + 1
    const entries: Array<Entry> = []
    if (id + 1 < oldest && id > 0) entries.push({ id: oldest - 1, event: lagged(oldest - id - 1, clock) })
    for (let next = Math.max(oldest, id + 1); next <= last; next++) entries.push(ring[next % capacity]!)
    return entries
  }

  // Nothing of the reader runs inside `emit`: it takes its turn, and then finds all that has come by then.
  const woken = Effect.andThen(
    Effect.callback<void>((resume) => {
      const wake = () => resume(Effect.void)
      waiting.add(wake)
      return Effect.sync(() => waiting.delete(wake))
    }),
    Effect.yieldNow,
  )

  return {
    emit: (event) => {
      last++
      ring[last % capacity] = { id: last, event }
      if (waiting.size === 0) return
      const readers = [...waiting]
      waiting.clear()
      for (const wake of readers) wake()
    },
    // A reader may hold an id from an earlier hub; from there it gets everything, as from 0.
    after: (id) =>
      Effect.suspend(() => {
        const from = id > last ? 0 : id
        const batch = Effect.sync(() => since(from))
        return from < last ? batch : Effect.andThen(woken, batch)
      }),
    history: () => since(0),
  }
}

const lagged = (missed: number, clock: Clock.Clock): Event & { readonly missed: number } => ({
  _tag: "Lagged",
  at: clock.currentTimeMillisUnsafe(),
  program: "",
  target: "",
  missed,
})
