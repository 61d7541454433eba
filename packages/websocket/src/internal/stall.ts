/**
 * Watches a consumer that holds up its producers: one that moves, however slowly, is waited for.
 */
import type { Flow } from "./flow.ts"
import type { Outlet } from "./outlet.ts"
import type { Wheel } from "./wheel.ts"

export interface Options {
  readonly flow: Flow
  readonly wheel: Wheel
  /** Milliseconds without any progress. */
  readonly after: number
  readonly onStalled: (slow: Outlet) => void
  /** The producers go on; watch anew when they stop again. */
  readonly onMoving: () => void
}

/** Looks four times in that time, so it is noticed after at most a quarter more. */
export const watch = ({ after, flow, onMoving, onStalled, wheel }: Options): void => {
  let outlet = flow.slowest
  let progress = outlet?.progress
  let since = wheel.now()
  const look = () => {
    if (!flow.paused) return onMoving()
    const now = wheel.now()
    const slow = flow.slowest
    if (slow === undefined || slow !== outlet || slow.progress !== progress) {
      outlet = slow
      progress = slow?.progress
      since = now
    } else if (now - since >= after) {
      onMoving()
      return onStalled(slow)
    }
    wheel.at(now + after / 4, look)
  }
  wheel.at(since + after / 4, look)
}
