/**
 * Keeps one connection alive. Dials one at a time, backs off, and hands the live connection to whoever asks.
 * Not a pool, and not for many keys: see `LinkMap`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type * as Connectivity from "./Connectivity.ts"
import type * as EventSchema from "./EventSchema.ts"
import type { LinkError } from "./internal/linkError.ts"
import * as Patience from "./internal/patience.ts"
import { Supervisor } from "./internal/supervisor.ts"
import * as Targets from "./internal/targets.ts"

export { Closed, ConnectTimeout, LinkError, Lost } from "./internal/linkError.ts"

/** A supervised connection. */
export interface Link<out A, out E> extends Connectivity.Connectivity {
  /** The name in events, metrics and messages. */
  readonly target: string
  /** The live connection, borrowed for the scope. Waits for a dial in progress; in `TransientFailure` fails with its error. */
  readonly get: Effect.Effect<A, E | LinkError, Scope.Scope>
  /** Runs `f` on the live connection; when that goes away, `f` is interrupted and `Lost` is the answer. */
  readonly use: <B, E2, R>(f: (connection: A) => Effect.Effect<B, E2, R>) => Effect.Effect<B, E | E2 | LinkError, R>
  /** Dials again, now, by the link's `handover`; also wakes a parked link. */
  readonly reconnect: (why: string) => Effect.Effect<void>
}

/**
 * Registers for the end of a connection: call `gone` once, with a word about why, and the metrics' word if you know it. With `again`
 * false, a goodbye after which dialling is no use, the link is parked until `reconnect`, as with `redial: false`; a `LinkMap` only
 * dials when asked anyway. No fiber waits for it. An Effect does not compile here, because nobody would run it: `lostEffect`. What
 * `fork` is given runs until the connection is gone.
 */
export type OnLost<in A> = (
  connection: A,
  gone: (why: string, reason?: typeof EventSchema.Reason.Type, again?: boolean) => void,
  fork: (effect: Effect.Effect<void>) => void,
) => void | undefined

/** How to reach something. */
export interface Dial<A, E, R> {
  /** One attempt. What it acquires is released when the connection goes away. Its tail may be a health check or a gate. */
  readonly connect: Effect.Effect<A, E, R>
  /** Default: never, only `reconnect` ends it. */
  readonly lost?: OnLost<A> | undefined
  /** The most time one attempt gets. Default `"20 seconds"`. */
  readonly connectTimeout?: Duration.Input | undefined
}

/** How to keep it. */
export interface Options<A, E, R> extends Dial<A, E, R> {
  /** The name in events, metrics and messages. Never a secret. */
  readonly target: string
  /** Whose link it is, in events and lists. Default `"app"`. */
  readonly program?: string | undefined
  /** Delays between attempts, from the start of one to the start of the next; its end parks the link. Default `Backoff.grpc()`. */
  readonly backoff?: Schedule.Schedule<unknown, E | LinkError> | undefined
  /** A connection must live this long before the backoff starts over. Default `"10 seconds"`. */
  readonly stableAfter?: Duration.Input | undefined
  /** Errors not worth another try park the link until `reconnect`. Default: all are. */
  readonly isRetryable?: ((error: E) => boolean) | undefined
  /** Says why a dial failed, in the words of metrics. Default: from the error's `code` or `kind`, also inside `reason` and `cause`. */
  readonly classify?: ((error: E) => typeof EventSchema.Result.Type) | undefined
  /** So long after it was last Ready, or told to `reconnect`, it is parked in `TransientFailure` until `reconnect`. Default: never. */
  readonly giveUpAfter?: Duration.Input | undefined
  /** `"make"` dials first and swaps when Ready, `"break"` hangs up first. Default `"break"`. */
  readonly handover?: "break" | "make" | undefined
  /** How long the old generation lives after a `"make"` handover, if anybody still holds it. Default `"10 seconds"`. */
  readonly drain?: Duration.Input | undefined
  /**
   * A caller inside `waitForReady` may cut a backoff short: dials then start at least this far apart, only when the last one was
   * refused or unreachable, never after a flap. Default `"250 millis"`.
   */
  readonly hurry?: Duration.Input | undefined
  /**
   * `false`: one attempt when first used and one per `reconnect`; otherwise the link is parked. `"paced"`: delays after a
   * loss count from the loss, and there is one even if the connection was stable; for many links to one target, which all lose it in
   * the same moment. Default `true`.
   */
  readonly redial?: boolean | "paced" | undefined
  /**
   * Nothing will dial by itself any more, because of what dialling came to: the last failure, of a defect a `Lost`. Once per parking,
   * and not for an end that `redial: false` or `gone` does not dial after. It may `reconnect`, which dials without a pause. Default:
   * nobody is told.
   */
  readonly parked?: ((error: E | LinkError) => void) | undefined
  /** Counts as one holder in lists, for an owner that hears of the connection by `lost` and never asks for it. Default `false`. */
  readonly held?: boolean | undefined
  /** Dial at once, instead of when first used. Once dialled a link stays connected either way. Default `false`. */
  readonly eager?: boolean | undefined
}

/** Starts a link; it hangs up when the scope closes. While it is Ready, no fiber runs. */
export const make = <A, E, R>(
  options: Options<A, E, R>,
): Effect.Effect<Link<A, E>, never, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Exclude<R, Scope.Scope>>) =>
    Effect.uninterruptible(
      Effect.flatMap(Effect.scope, (scope) => {
        const link = new Supervisor(options, context)
        return Effect.as(Scope.addFinalizerExit(scope, closing(link)), link)
      }),
    ),
  )

/**
 * Lists a target, and keeps its row and its metrics, until the scope closes: also while there is no link to it. For owners of many
 * short links to one target.
 */
export const announce = (of: { readonly target: string; readonly program?: string | undefined }) =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => Targets.enter(context, of.program ?? "app", of.target)),
        (target) => Effect.sync(() => target.leave()),
      ),
    ),
  )

/** `lost` from an Effect that completes when the connection is gone. Costs one fiber per connection. */
export const lostEffect =
  <A>(f: (connection: A) => Effect.Effect<string>): OnLost<A> =>
  (connection, gone, fork) =>
    fork(Effect.flatMap(f(connection), (why) => Effect.sync(() => gone(why))))

/** Inside `self`, a link that is down is waited for this long instead of failing fast. gRPC's wait-for-ready, with a bound. */
export const waitForReady: {
  (atMost: Duration.Input): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, atMost: Duration.Input): Effect.Effect<A, E, R>
} = /* @__PURE__ */ dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, atMost: Duration.Input): Effect.Effect<A, E, R> =>
  Effect.provideService(self, Patience.Patience, Duration.toMillis(Duration.fromInputUnsafe(atMost))),
)

// Made here, so that it keeps nothing of what was needed to make the link; `Effect.acquireRelease` would, and there may be very many.
const closing = (link: { readonly close: Effect.Effect<void> }) => () => link.close
