/**
 * Gates: how many bytes go through at a time. Plain code; the clock is the caller's.
 */
import type { Chance } from "./chance.ts"
import type { Gate } from "./proxyLane.ts"

/** So many bytes a second, after a first burst that nobody pays for. */
export const bandwidth = (perSecond: number, burst: number): Gate => {
  // What has been saved up may go at once: enough for the millisecond that timers are exact to, and a whole byte.
  const most = Math.max(burst, perSecond / 100, 1)
  let tokens = burst
  let at: number | undefined
  const fill = (now: number) => {
    if (at !== undefined) tokens = Math.min(most, tokens + ((now - at) / 1000) * perSecond)
    at = now
    return tokens
  }
  return {
    allows: (bytes, now) => Math.min(bytes, Math.floor(fill(now))),
    next: (now) => now + Math.max(1, ((1 - fill(now)) / perSecond) * 1000),
    went: (bytes, now) => {
      fill(now)
      tokens -= bytes
    },
  }
}

/** Pieces of about `average` bytes, with a pause behind each. */
export const slices = (
  { average, gap, variation }: { readonly average: number; readonly variation: number; readonly gap: number },
  chance: Chance,
): Gate => {
  const draw = () => Math.max(1, Math.round(average + variation * ((2 * chance()) / 2 ** 32 - 1)))
  let piece = draw()
  let open = 0
  return {
    allows: (bytes, now) => (now < open ? 0 : Math.min(bytes, piece)),
    next: () => open,
    went: (_, now) => {
      piece = draw()
      open = now + gap
    },
  }
}

/** So many bytes, and then `reached`; none after them. */
export const limit = (bytes: number, reached: () => void): Gate => {
  let left = bytes
  return {
    allows: (bytes) => Math.min(bytes, left),
    next: () => Infinity,
    went: (bytes) => {
      left -= bytes
      if (left === 0) reached()
    },
  }
}
