/**
 * Fibers that wait for something to become true of an object in plain memory. Whoever changes it says so.
 */
import * as Effect from "effect/Effect"

/** Who waits now. */
export class Waiters {
  #looks: Set<() => void> | undefined

  /** Something changed. */
  look(): void {
    for (const look of Array.from(this.#looks ?? [])) look()
    if (this.#looks?.size === 0) this.#looks = undefined
  }

  /** Waits until it holds; goes on in a turn of its own, not inside of what made it hold. */
  until(holds: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (holds()) return resume(Effect.void)
      const look = () => {
        if (!holds()) return
        this.#looks?.delete(look)
        resume(Effect.yieldNow)
      }
      this.#looks ??= new Set()
      this.#looks.add(look)
      return Effect.sync(() => this.#looks?.delete(look))
    })
  }
}
