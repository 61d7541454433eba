/**
 * Takes the members of a set that do worse than the others out of use for a while, by the arithmetic of Envoy and gRFC A50. Ejected is
 * not removed: placement stays, only traffic goes elsewhere.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Detector, Members } from "./internal/outlierMembers.ts"

export type { Detector } from "./internal/outlierMembers.ts"

/** Watches a set of members. All of it is plain. */
export interface Outlier<in K> {
  /** Counts a member in from the start; others are known from their first report. */
  readonly add: (key: K) => void
  /** Notes how a call went. For hot paths. */
  readonly report: (key: K, ok: boolean) => void
  /** May `key` be used? Always, while too few are left: the panic threshold. */
  readonly allows: (key: K) => boolean
  /** Share of its traffic `key` should get now, 0 to 1: the slow start after an ejection. */
  readonly weight: (key: K) => number
  /** Takes it back at once: what a successful health check means. */
  readonly admit: (key: K) => void
  /** Forgets a member that left; a call that is reported later counts it in again. */
  readonly forget: (key: K) => void
}

/** How strict. */
export interface Options<K> {
  /** The name in events and metrics. */
  readonly name: string
  /** Whose it is, in events. Default `"app"`. */
  readonly program?: string | undefined
  /** The name of a member in events. Default `String(key)`. */
  readonly keyName?: ((key: K) => string) | undefined
  /** Default `[consecutive(5)]`. */
  readonly detectors?: ReadonlyArray<Detector> | undefined
  /** How often rates are looked at, and who may come back. Default `"10 seconds"`. */
  readonly interval?: Duration.Input | undefined
  /** First ejection; times the number of ejections, less one for each interval in use. Default `"30 seconds"`. */
  readonly ejectFor?: Duration.Input | undefined
  /** Longest ejection; `ejectFor`, if that is longer. Default `"5 minutes"`. */
  readonly maxEjectFor?: Duration.Input | undefined
  /** Added to each ejection, by chance up to this long. Default `0`. */
  readonly jitter?: Duration.Input | undefined
  /** No more are ejected when this percentage of the set is; one always can be, unless this is 0. Default `10`. */
  readonly maxEjected?: number | undefined
  /** With a smaller percentage in use, all are. Default `50`. */
  readonly panicBelow?: number | undefined
  /** Time from a tenth of the traffic to all of it, after an ejection. Default `0`. */
  readonly slowStart?: Duration.Input | undefined
  /** Members beyond it are not watched, and always allowed. Default `10_000`. */
  readonly maxMembers?: number | undefined
}

/** For every detector: `enforcing` is the chance in percent that what it finds is really ejected; the rest is only counted. */
interface Enforcing {
  readonly enforcing?: number | undefined
}

/** `n` failures in a row; looked at after each call. */
export const consecutive = (n: number, options?: Enforcing): Detector => ({
  _tag: "Consecutive",
  failures: n,
  enforcing: options?.enforcing ?? 100,
})

/**
 * Success rate of the last interval below the mean minus `factor` standard deviations, of those with enough `requests`, if there are
 * enough such `hosts`. Defaults `1.9`, `100` and `5`.
 */
export const successRate = (
  options?: Enforcing & {
    readonly factor?: number | undefined
    readonly hosts?: number | undefined
    readonly requests?: number | undefined
  },
): Detector => ({
  _tag: "SuccessRate",
  factor: options?.factor ?? 1.9,
  hosts: options?.hosts ?? 5,
  requests: options?.requests ?? 100,
  enforcing: options?.enforcing ?? 100,
})

/**
 * `percent` or more of the calls in the last interval failed, of those with enough `requests`, if there are enough such `hosts`.
 * Defaults `85`, `50` and `5`.
 */
export const failurePercentage = (
  options?: Enforcing & {
    readonly percent?: number | undefined
    readonly hosts?: number | undefined
    readonly requests?: number | undefined
  },
): Detector => ({
  _tag: "FailurePercentage",
  percent: options?.percent ?? 85,
  hosts: options?.hosts ?? 5,
  requests: options?.requests ?? 50,
  enforcing: options?.enforcing ?? 100,
})

/** Starts watching, until the scope closes. Impossible options are a defect that names the field. */
export const make = <K>(options: Options<K>): Effect.Effect<Outlier<K>, never, Scope.Scope> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.gen(function* () {
      const members = yield* Effect.acquireRelease(
        Effect.sync(() => new Members(options, context)),
        (members) => Effect.sync(() => members.leave()),
      )
      const sweep = Effect.sync(() => members.sweep())
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(members.interval), sweep)))
      return members
    }),
  )
