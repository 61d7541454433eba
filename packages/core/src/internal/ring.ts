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

  return {
    emit: (event) => {
      last++
      ring[last % capacity] = { id: last, event }
      if (waiting.size === 0) return
      const woken = [...waiting]
      waiting.clear()
      for (const wake of woken) wake()
    },
    // A reader may hold an id from an earlier hub; from there it gets everything, as from 0.
    after: (id) =>
      Effect.callback((resume) => {
        const from = id > last ? 0 : id
        if (from < last) return resume(Effect.succeed(since(from)))
        const wake = () => resume(Effect.succeed(since(from)))
        waiting.add(wake)
        return Effect.sync(() => waiting.delete(wake))
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
