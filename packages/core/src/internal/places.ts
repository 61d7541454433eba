/**
 * So many places, and a queue for them. A place that is left goes to who waited longest, before anybody else can ask.
 */
import * as Effect from "effect/Effect"

/** Places, and who waits for one. */
export class Places {
  running = 0
  readonly #most: number
  readonly #mostWaiting: number
  /** In order of arrival. */
  readonly #queue = new Set<Place>()

  constructor(most: number, mostWaiting: number) {
    this.#most = most
    this.#mostWaiting = mostWaiting
  }

  get waiting(): number {
    return this.#queue.size
  }

  /** For somebody who has not come yet. */
  outside(): Place {
    return new Place(this)
  }

  enter(place: Place): boolean {
    if (this.running < this.#most) {
      this.running++
      place.give()
      return true
    }
    if (this.#queue.size >= this.#mostWaiting) return false
    this.#queue.add(place)
    return true
  }

  leave(place: Place): void {
    if (!place.isGiven) return void this.#queue.delete(place)
    const [next] = this.#queue
    if (next === undefined) return void this.running--
    this.#queue.delete(next)
    next.give()
  }
}

/** One who has a place, waits for one, or neither. */
export class Place {
  isGiven = false
  readonly #places: Places
  #wake = () => {}

  constructor(places: Places) {
    this.#places = places
  }

  /** `false` if there is no room even to wait. */
  enter(): boolean {
    return this.#places.enter(this)
  }

  /** From anywhere, once. */
  leave(): void {
    this.#places.leave(this)
  }

  give(): void {
    this.isGiven = true
    this.#wake()
  }

  /** Waits for it; goes on in a turn of its own. */
  get given(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.isGiven) return resume(Effect.void)
      this.#wake = () => resume(Effect.yieldNow)
    })
  }
}
