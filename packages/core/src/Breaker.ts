/**
 * Stops calling what keeps failing, and probes until it works again. One dependency per breaker; for many see `BreakerMap`, for
 * code without Effect `BreakerPromise`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Connectivity from "./Connectivity.ts"
import type * as EventSchema from "./EventSchema.ts"
import type { BreakerError } from "./internal/breakerError.ts"
import type { Rule } from "./internal/breakerRule.ts"
import { actionsOf, alone, direct, face, publish } from "./internal/breakerFace.ts"
import { shared } from "./internal/breakerShared.ts"
import * as Checked from "./internal/checked.ts"

export { BreakerError, Isolated, Open } from "./internal/breakerError.ts"
export type { Rule } from "./internal/breakerRule.ts"

/** Where a breaker stands. One whose time is over is `Open` until somebody calls. */
export type State = typeof EventSchema.BreakerState.Type

/** What made it change, in a word. */
export type Reason = typeof EventSchema.BreakerReason.Type

/** One step from state to state; `at` in milliseconds since 1970. */
export interface Change {
  readonly at: number
  readonly from: State
  readonly to: State
  readonly reason: Reason
  readonly why: string
}

/**
 * What a call says about what is called. `retryAfter` is a failure that says when to come again: the opening it leads to lasts at
 * least as long, up to an hour.
 */
export type Outcome = "Success" | "Failure" | "Ignored" | { readonly retryAfter: Duration.Input }

/** A breaker around one dependency. */
export interface Breaker {
  /** The name in events, metrics and messages. */
  readonly name: string
  /** Makes the call if allowed, and remembers how it went. Interruption counts for nothing, and neither does a late result. */
  readonly protect: <A, E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BreakerError, R>
  /** The state now. Plain. */
  readonly state: () => State
  /** The state now, then changes, kept for this reader until its scope closes: 64 at most, then `Lagged`. */
  readonly subscribe: Effect.Effect<Connectivity.Changes<State>, never, Scope.Scope>
  /** The last 64 changes, oldest first. Plain. */
  readonly history: () => ReadonlyArray<Change>
  /** Holds the breaker open until the scope closes; holds are counted. Then it goes on where it was. */
  readonly isolate: (why: string) => Effect.Effect<void, never, Scope.Scope>
  /** Opens it now, as if a rule had said so. */
  readonly forceOpen: (why: string) => Effect.Effect<void>
  /** Ends an opening, as if its time were over: what a successful reconnect means. Never closes by itself. */
  readonly probe: Effect.Effect<void>
  /** Closes and forgets. Who isolates it still does. */
  readonly reset: Effect.Effect<void>
  /** What it knows, for `Options.restore`. Plain. */
  readonly snapshot: () => Snapshot
}

/** What a breaker knows, as JSON. Holds are not in it: they belong to scopes of this process. */
export interface Snapshot {
  readonly state: "Closed" | "Open" | "HalfOpen"
  /** In milliseconds since 1970. */
  readonly openUntil: number | null
  /** Openings in a row, and how long the last one was to be. */
  readonly openings: number
  readonly openForMillis: number
  /** What each rule remembers, in the order of the rules. */
  readonly windows: ReadonlyArray<ReadonlyArray<number>>
}

/**
 * State that several processes share: states, openings and who probes. What the rules count is each one's own, and so are holds.
 *
 * **Gotchas**
 *
 * A store that fails, or takes longer than a second, is done without: the breaker goes on with what it knows. Clocks of the processes
 * should agree; if they do not, no opening is longer than it was meant to be.
 */
export interface Store {
  /** What was saved last, with its version. */
  readonly load: (
    name: string,
  ) => Effect.Effect<{ readonly snapshot: Snapshot; readonly version: bigint } | undefined, unknown>
  /** Saves it as the next version after `version`, or as the first after `0n`; `false`, and nothing saved, if that is not the last. */
  readonly save: (name: string, snapshot: Snapshot, version: bigint) => Effect.Effect<boolean, unknown>
}

/** When it opens, for how long, and how it closes. */
export interface Options {
  /** The name in events, metrics and messages. Never a secret. */
  readonly name: string
  /** Whose it is, in events and lists. Default `"app"`. */
  readonly program?: string | undefined
  /** The first that says so opens it. Default `[consecutive(5)]`. */
  readonly rules?: ReadonlyArray<Rule> | undefined
  /**
   * How long it stays open: always the same, or the n-th delay for the n-th opening in a row. Openings are in a row until it was
   * closed for as long as it was last open. Default `Backoff.grpc()` from 1 to 30 seconds.
   */
  readonly openFor?: Schedule.Schedule<unknown> | Duration.Input | undefined
  /** Calls let through when half open. Default `1`. */
  readonly probes?: number | undefined
  /** Share of the probes that must succeed; decided as soon as it is certain. Default `1`. */
  readonly successRatio?: number | undefined
  /** Callers beyond the probes are refused, or wait for the verdict. Default `"reject"`. */
  readonly onFull?: "reject" | "wait" | undefined
  /** So many may wait; more are refused. Default `1000`. */
  readonly maxWaiting?: number | undefined
  /** A probe that takes longer has failed, for the breaker; it is not interrupted. Default `"10 seconds"`. */
  readonly probeTimeout?: Duration.Input | undefined
  /** What a call says. Default: success is success, failures and defects are failures. Interruption is always ignored. */
  readonly classify?: ((exit: Exit.Exit<unknown, unknown>) => Outcome) | undefined
  /** Where to go on from. Default: closed and empty. */
  readonly restore?: Snapshot | undefined
  /** Where breakers of one name, in several processes, tell each other. Default: nowhere. */
  readonly store?: Store | undefined
  /** With a store: how old may be what is known of the others, before a call looks. Default `"1 second"`; `0` looks each time. */
  readonly refresh?: Duration.Input | undefined
}

/** `n` failures in a row, by when they end. */
export const consecutive = (n: number): Rule => ({ _tag: "Consecutive", failures: n })

/** `ratio` or more of the last `size` calls failed, once `minimum` were made. Default `minimum`: `size`. Looked at after failures. */
export const countWindow = (options: {
  readonly ratio: number
  readonly size: number
  readonly minimum?: number | undefined
}): Rule => ({
  _tag: "CountWindow",
  ratio: options.ratio,
  size: options.size,
  minimum: options.minimum ?? options.size,
})

/** `ratio` or more of the calls within `window` failed, once there were `minimum`. Ten buckets; looked at after failures. */
export const timeWindow = (options: {
  readonly ratio: number
  readonly window: Duration.Input
  readonly minimum: number
}): Rule => ({
  _tag: "TimeWindow",
  ratio: options.ratio,
  window: Checked.time("timeWindow.window", options.window),
  minimum: options.minimum,
})

/** `ratio` or more of the calls within `window` took longer than `slowerThan`, once there were `minimum`. A slow probe has failed. */
export const slowCalls = (options: {
  readonly ratio: number
  readonly slowerThan: Duration.Input
  readonly window: Duration.Input
  readonly minimum: number
}): Rule => ({
  _tag: "SlowCalls",
  ratio: options.ratio,
  slowerThan: Checked.time("slowCalls.slowerThan", options.slowerThan),
  window: Checked.time("slowCalls.window", options.window),
  minimum: options.minimum,
})

/** For `classify`: errors that `isFailure` does not hold for are answers, and say that what is called is well. */
export const failureIf =
  (isFailure: (error: unknown) => boolean) =>
  (exit: Exit.Exit<unknown, unknown>): Outcome =>
    Exit.isSuccess(exit) || !isFailure(Cause.squash(exit.cause)) ? "Success" : "Failure"

/** A breaker; it leaves lists and metrics when the scope closes. Impossible options are a defect that names the field. */
export const make = (options: Options): Effect.Effect<Breaker, never, Scope.Scope> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const machine = alone(options, context)
          const ways =
            options.store === undefined
              ? direct(machine)
              : shared(machine, options.store, options.refresh ?? "1 second")
          const breaker = face(() => machine, ways)
          return { breaker, leave: publish(machine, context, actionsOf(machine, breaker)) }
        }),
        ({ leave }) => Effect.sync(leave),
      ),
      ({ breaker }) => breaker,
    ),
  )

/** A store in this memory: for several breakers of one process, and for tests. */
export const storeMemory = (): Store => {
  const kept = new Map<string, { readonly snapshot: Snapshot; readonly version: bigint }>()
  return {
    load: (name) => Effect.sync(() => kept.get(name)),
    save: (name, snapshot, version) =>
      Effect.sync(() => {
        if ((kept.get(name)?.version ?? 0n) !== version) return false
        kept.set(name, { snapshot, version: version + 1n })
        return true
      }),
  }
}

/** The state now, then changes; who falls behind by more than 64 gets `Lagged`. Ends when the breaker's scope closes. */
export const changes = (self: Breaker): Stream.Stream<State | Connectivity.Lagged<State>> =>
  Stream.scoped(Stream.fromPull(self.subscribe))
