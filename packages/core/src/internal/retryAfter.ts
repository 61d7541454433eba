/**
 * When an error says that it is worth another try.
 */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"

/** In milliseconds, from the field `retryAfter` of the error or of its `reason`; 0 if it says nothing. */
export const retryAfterOf = (error: unknown): number => {
  const said = field(error, "retryAfter") ?? field(field(error, "reason"), "retryAfter")
  return Duration.isDuration(said) ? Duration.toMillis(said) : 0
}

const field = (of: unknown, name: string): unknown => (Predicate.hasProperty(of, name) ? of[name] : undefined)
