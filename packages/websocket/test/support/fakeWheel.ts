/**
 * A wheel that the test turns: alarms ring in the order of their times, exactly then.
 */
import type { Wheel } from "../../src/internal/wheel.ts"

export class FakeWheel implements Wheel {
  #now = 0
  readonly #alarms = new Set<{ readonly time: number; readonly callback: () => void }>()

  readonly now = () => this.#now
  readonly at = (time: number, callback: () => void) => {
    const alarm = { time, callback }
    this.#alarms.add(alarm)
    return () => void this.#alarms.delete(alarm)
  }

  /** How many wait for their time. */
  get pending(): number {
    return this.#alarms.size
  }

  /** So many milliseconds pass. */
  pass(millis: number): void {
    const until = this.#now + millis
    while (true) {
      const [next] = [...this.#alarms].filter(({ time }) => time <= until).toSorted((a, b) => a.time - b.time)
      if (next === undefined) break
      this.#now = Math.max(this.#now, next.time)
      this.#alarms.delete(next)
      next.callback()
    }
    this.#now = until
  }
}
