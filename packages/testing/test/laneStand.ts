/**
 * A lane on ends and clocks of the test's own.
 */
import type { Alarm } from "../src/internal/alarm.ts"
import { Lane, type Toxic } from "../src/internal/proxyLane.ts"

/** A lane whose source says what it is told, and whose sink writes down what it gets and when. */
export const lane = (...toxics: ReadonlyArray<Toxic>) => {
  let now = 0
  let due = Infinity
  let wake = () => {}
  const alarm: Alarm = {
    now: () => now,
    at: (time, callback) => {
      due = time
      wake = callback
    },
    off: () => (due = Infinity),
  }
  const got: Array<string> = []
  const passed: Array<number> = []
  const state = { reads: false, takes: true }
  const source = { write: () => true, finish: () => {}, reset: () => {} }
  const made = new Lane(
    { ...source, pause: () => (state.reads = false), resume: () => (state.reads = true) },
    {
      ...source,
      pause: () => {},
      resume: () => {},
      write: (bytes) => {
        got.push(`${now}:${Buffer.from(bytes)}`)
        return state.takes
      },
    },
    alarm,
    () => passed.push(now),
  )
  for (const toxic of toxics) made.add(toxic)
  made.start()
  const passes = (millis: number) => {
    const end = now + millis
    while (due <= end) {
      now = Math.max(now, due)
      due = Infinity
      wake()
    }
    now = end
  }
  return {
    lane: made,
    got,
    state,
    passed,
    passes,
    says: (text: string) => made.heard(Buffer.from(text)),
    ends: () => made.ended(() => got.push(`${now}:end`)),
  }
}
