/**
 * One attempt, for links and maps alike: connect in the generation's scope, bounded in time, and heard of when it ends.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { OnLost } from "../Link.ts"
import { Generation } from "./generation.ts"
import type { LinkError } from "./linkError.ts"

export interface Dialling<A, E> {
  readonly connect: Effect.Effect<A, E, Scope.Scope>
  readonly lost: OnLost<A> | undefined
  readonly connectTimeout: Duration.Input | undefined
  /** The failure when time is up. */
  readonly timeout: LinkError
  /** Hears of the end, perhaps before the attempt is over. */
  readonly gone: (generation: Generation<A>, why: string) => void
  readonly run: (effect: Effect.Effect<unknown>) => void
}

/** Everything from the place something was made in, except the scope: a connection's scope is that of its generation. */
export const servicesOf = (context: Context.Context<never>): Context.Context<never> =>
  Context.omit(Scope.Scope)(context)

/** `connect` with the services it was made with. */
export const provided = <A, E, R>(connect: Effect.Effect<A, E, R>, services: Context.Context<never>) =>
  // The context holds all of R but the scope: the public signatures ask for it, and types cannot say "R without Scope, plus Scope".
  Effect.provideContext(connect, services) as Effect.Effect<A, E, Scope.Scope>

/** The scope is the caller's to close, unless it keeps the generation. */
export const dial = <A, E>(of: Dialling<A, E>, scope: Scope.Closeable): Effect.Effect<Generation<A>, E | LinkError> =>
  of.connect.pipe(
    Effect.flatMap((connection) => register(of, connection, scope)),
    Scope.provide(scope),
    Effect.timeoutOrElse({ duration: of.connectTimeout ?? "20 seconds", orElse: () => Effect.fail(of.timeout) }),
  )

const register = <A, E>(of: Dialling<A, E>, connection: A, scope: Scope.Closeable) =>
  Effect.suspend((): Effect.Effect<Generation<A>, LinkError> => {
    const generation = new Generation(connection, scope)
    of.lost?.(
      connection,
      (why) => of.gone(generation, why),
      (effect) => of.run(Effect.forkIn(effect, scope, { startImmediately: true })),
    )
    return generation.ended === undefined ? Effect.succeed(generation) : Effect.fail(generation.ended)
  })
