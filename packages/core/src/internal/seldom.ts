/**
 * What happens very often is told at most once a second: the counters have the rest.
 */

/** Runs what it is given, unless it did within the last second. */
export const seldom = (now: () => number): ((tell: () => void) => void) => {
  let last = -Infinity
  return (tell) => {
    if (now() - last < 1000) return
    last = now()
    tell()
  }
}
