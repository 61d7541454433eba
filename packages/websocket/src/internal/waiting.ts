/**
 * Fibers that wait until something happens, and look again. Whoever looks remembers `turn`: what happens between the look and the wait
 * is not missed.
 */
import * as Effect from "effect/Effect"

/** Those who wait. */
export class Waiting {
  readonly #resumes = new Set<() => void>()
  #turn = 0

  /** Counts what happened. */
  get turn(): number {
    return this.#turn
  }

  /** Completes when something has happened since. */
  after(turn: number): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const woken = () => resume(Effect.void)
      if (turn !== this.#turn) return woken()
      this.#resumes.add(woken)
      return Effect.sync(() => this.#resumes.delete(woken))
    })
  }

  /** Something happened; those who wait are told in the order in which they came. */
  wake(): void {
    this.#turn++
    if (this.#resumes.size === 0) return
    const woken = [...this.#resumes]
    this.#resumes.clear()
    for (const resume of woken) resume()
  }
}
