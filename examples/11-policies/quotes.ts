/**
 * Stands for a service that fails now and then: the first three calls fail, then it is well. Every call takes ten milliseconds.
 */
import { Data, Effect } from "effect"

class Unavailable extends Data.TaggedError("Unavailable")<{ readonly call: number }> {}

let calls = 0

export const quote: Effect.Effect<string, Error> = Effect.gen(function* () {
  const call = ++calls
  yield* Effect.sleep("10 millis")
  if (call <= 3) return yield* new Unavailable({ call })
  return `EURUSD 1.0842, by call ${call}`
})
