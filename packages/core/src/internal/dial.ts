/**
 * One attempt, for links and maps alike: connect in the generation's scope, bounded in time, and heard of when it ends.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as EventSchema from "../EventSchema.ts"
import type { OnLost } from "../Link.ts"
import { Generation } from "./generation.ts"
import * as Classify from "./classify.ts"
import * as LinkErrors from "./linkError.ts"
import type { LinkError } from "./linkError.ts"

type Reason = typeof EventSchema.Reason.Type

export interface Dialling<A, E, R> {
  readonly connect: Effect.Effect<A, E, R>
  /** Where the link was made: the services of `connect`, but for its scope. */
  readonly context: Context.Context<Exclude<R, Scope.Scope>>
  readonly lost: OnLost<A> | undefined
  readonly connectTimeout: Duration.Input | undefined
  /** The failure when time is up. */
  readonly timeout: () => Effect.Effect<never, LinkError>
  /** Hears of the end, perhaps before the attempt is over. */
  readonly gone: (generation: Generation<A>, why: string, reason?: Reason, again?: boolean) => void
  readonly run: (effect: Effect.Effect<unknown>) => void
}

/** The scope is the caller's to close, unless it keeps the generation. */
export const dial = <A, E, R>(
  of: Dialling<A, E, R>,
  scope: Scope.Closeable,
): Effect.Effect<Generation<A>, E | LinkError> => {
  // All of R: types cannot say that R without Scope, plus Scope, is R.
  const services = Context.add(of.context, Scope.Scope, scope) as Context.Context<R>
  return Effect.provideContext(of.connect, services).pipe(
    Effect.flatMap((connection) => register(of, connection, scope)),
    Effect.timeoutOrElse({ duration: of.connectTimeout ?? "20 seconds", orElse: of.timeout }),
  )
}

/** Why an attempt failed, for those who waited: they were not interrupted, even if the attempt was. */
export const failure = <E>(target: string, cause: Cause.Cause<E>): Cause.Cause<E | LinkError> => {
  const reasons = cause.reasons.filter((reason) => !Cause.isInterruptReason(reason))
  return reasons.length > 0 ? Cause.fromReasons(reasons) : Cause.fail(LinkErrors.lost(target, Classify.describe(cause)))
}

const register = <A, E, R>(of: Dialling<A, E, R>, connection: A, scope: Scope.Closeable) =>
  Effect.suspend((): Effect.Effect<Generation<A>, LinkError> => {
    const generation = new Generation(connection, scope)
    of.lost?.(
      connection,
      (why, reason, again) => of.gone(generation, why, reason, again),
      (effect) => of.run(Effect.forkIn(effect, scope, { startImmediately: true })),
    )
    return generation.ended === undefined ? Effect.succeed(generation) : Effect.fail(generation.ended)
  })
