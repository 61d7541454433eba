/**
 * One attempt, for links and maps alike: connect in the generation's scope, bounded in time, and heard of when it ends.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { Generation } from "./generation.ts"
import * as Classify from "./classify.ts"
import * as LinkErrors from "./linkError.ts"
import type { LinkError } from "./linkError.ts"

export interface Dialling<A, E, R> {
  readonly connect: Effect.Effect<A, E, R>
  readonly connectTimeout: Duration.Input | undefined
  /** The failure when time is up. */
  readonly timeout: () => Effect.Effect<never, LinkError>
  /** Hears of the connection; it may have ended when this returns. */
  readonly reached: (generation: Generation<A>) => void
}

/** The scope is the caller's to close, unless it keeps the generation. To be run with the services of where the link was made. */
export const dial = <A, E, R>(
  { connect, connectTimeout = "20 seconds", reached, timeout }: Dialling<A, E, R>,
  scope: Scope.Closeable,
): Effect.Effect<Generation<A>, E | LinkError> => {
  // Whoever runs it has all of R but for the scope; to provide it here once more would copy it for each link.
  const connecting = Scope.provide(connect, scope) as Effect.Effect<A, E>
  const attempt = Effect.flatMap(connecting, (connection): Effect.Effect<Generation<A>, LinkError> => {
    const generation = new Generation(connection, scope)
    reached(generation)
    return generation.ended === undefined ? Effect.succeed(generation) : Effect.fail(generation.ended)
  })
  const duration = Duration.fromInputUnsafe(connectTimeout)
  return Duration.isFinite(duration) ? Effect.timeoutOrElse(attempt, { duration, orElse: timeout }) : attempt
}

/** Why an attempt failed, for those who waited: they were not interrupted, even if the attempt was. */
export const failure = <E>(target: string, cause: Cause.Cause<E>): Cause.Cause<E | LinkError> => {
  const reasons = cause.reasons.filter((reason) => !Cause.isInterruptReason(reason))
  return reasons.length > 0 ? Cause.fromReasons(reasons) : Cause.fail(LinkErrors.lost(target, Classify.describe(cause)))
}
