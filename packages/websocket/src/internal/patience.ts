/**
 * Waiting for a slow peer for as long as it moves at all.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** Without any progress for this long a peer counts as gone. */
const longest = "10 seconds"

/** Waits for `done` while `left` keeps falling; `false` when it stood still for too long. */
export const whileMoving = Effect.fnUntraced(function* (done: Effect.Effect<unknown>, left: () => number) {
  while (true) {
    const before = left()
    if (before === 0 || Option.isSome(yield* Effect.timeoutOption(done, longest))) return true
    if (left() >= before) return false
  }
})
