/**
 * Watches a consumer that holds up its producers: one that moves, however slowly, is waited for.
 */
import type { Flow } from "./flow.ts"
import type { Outlet } from "./outlet.ts"
import type { Wheel } from "./wheel.ts"

/** The flows of one session that are watched now. */
export class Stalls {
  readonly #wheel: Wheel
  readonly #after: number
  readonly #watched = new Set<Flow>()

  /** `after` so many milliseconds without any progress. */
  constructor(wheel: Wheel, after: number) {
    this.#wheel = wheel
    this.#after = after
  }

  /** Until its producers go on; calls back with who has stalled. Looks four times in that time, so at most a quarter too late. */
  watch(flow: Flow, onStalled: (slow: Outlet) => void): void {
    if (this.#watched.has(flow)) return
    this.#watched.add(flow)
    let outlet = flow.slowest
    let progress = outlet?.progress
    let since = this.#wheel.now()
    const look = () => {
      const now = this.#wheel.now()
      const slow = flow.slowest
      if (!flow.paused) return void this.#watched.delete(flow)
      if (slow === undefined || slow !== outlet || slow.progress !== progress) {
        outlet = slow
        progress = slow?.progress
        since = now
      } else if (now - since >= this.#after) {
        this.#watched.delete(flow)
        return onStalled(slow)
      }
      this.#wheel.at(now + this.#after / 4, alarm)
    }
    const alarm = { ring: look }
    this.#wheel.at(since + this.#after / 4, alarm)
  }
}
