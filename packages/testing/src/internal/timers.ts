/**
 * What will happen when, as a binary heap that can also forget: a fiber that is interrupted in its sleep leaves nothing behind.
 * Not a clock; it does not know what time it is.
 */

/** A wake-up that has been ordered. */
export interface Timer {
  readonly at: number
  readonly wake: () => void
  /** Where it is in the heap; -1 once it has fired or was removed. */
  place: number
}

/** Timers, the earliest first. */
export interface Timers {
  readonly add: (at: number, wake: () => void) => Timer
  readonly remove: (timer: Timer) => void
  /** When the earliest is due; `Infinity` when there is none. */
  readonly next: () => number
  /** Takes the earliest out. */
  readonly pop: () => Timer | undefined
}

/** No timers yet. */
export const make = (): Timers => {
  const heap: Array<Timer> = []

  const put = (timer: Timer, place: number) => {
    heap[place] = timer
    timer.place = place
  }

  const up = (timer: Timer, from: number) => {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = heap[above]!
      if (parent.at <= timer.at) break
      put(parent, place)
      place = above
    }
    put(timer, place)
  }

  const down = (timer: Timer, from: number) => {
    let place = from
    for (;;) {
      let below = 2 * place + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && heap[below + 1]!.at < heap[below]!.at) below++
      const child = heap[below]!
      if (child.at >= timer.at) break
      put(child, place)
      place = below
    }
    put(timer, place)
  }

  const remove = (timer: Timer) => {
    const { place } = timer
    if (place < 0) return
    timer.place = -1
    const last = heap.pop()!
    if (last === timer) return
    // The one that fills the gap may belong further up or further down.
    if (place > 0 && heap[(place - 1) >> 1]!.at > last.at) up(last, place)
    else down(last, place)
  }

  return {
    add: (at, wake) => {
      const timer = { at, wake, place: heap.length }
      up(timer, heap.length)
      return timer
    },
    remove,
    next: () => heap[0]?.at ?? Infinity,
    pop: () => {
      const first = heap[0]
      if (first !== undefined) remove(first)
      return first
    },
  }
}
