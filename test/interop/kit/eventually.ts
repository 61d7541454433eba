/**
 * For what nobody tells: looks again and again until it is so. The test's own timeout is the bound.
 */
import { Effect } from "effect"

/** Waits until the answer is `true`. */
export const eventually = Effect.fnUntraced(function* (look: () => boolean) {
  while (!look()) yield* Effect.sleep("2 millis")
})
