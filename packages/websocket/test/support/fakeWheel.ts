/**
 * A wheel that the test turns: alarms ring in the order of their times, exactly then.
 */
import type { Alarm, Wheel } from "../../src/internal/wheel.ts"

export class FakeWheel implements Wheel {
  #now = 0
  #set = 0
  readonly #alarms = new Map<number, { readonly time: number; readonly alarm: Alarm }>()

  readonly now = () => this.#now
  readonly at = (time: number, alarm: Alarm) => {
    this.#alarms.set(++this.#set, { time, alarm })
    return this.#set
  }
  readonly off = (slot: number) => void this.#alarms.delete(slot)

  /** How many wait for their time. */
  get pending(): number {
    return this.#alarms.size
  }

  /** So many milliseconds pass. */
  pass(millis: number): void {
    const until = this.#now + millis
    while (true) {
      const [next] = [...this.#alarms]
        .filter(([, { time }]) => time <= until)
        .toSorted(([, a], [, b]) => a.time - b.time)
      if (next === undefined) break
      const [slot, { alarm, time }] = next
      this.#now = Math.max(this.#now, time)
      this.#alarms.delete(slot)
      alarm.ring()
    }
    this.#now = until
  }
}
