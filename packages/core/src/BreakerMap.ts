/**
 * A breaker per key, made when the key is first called and forgotten when it is idle. For a fixed few, use `Breaker`.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Breaker from "./Breaker.ts"
import { Keys } from "./internal/breakerKeys.ts"
import * as Checked from "./internal/checked.ts"

/** Breakers by key. */
export interface BreakerMap<in K> {
  /** Makes the call through the breaker of `key`. */
  readonly protect: <A, E, R>(key: K, call: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Breaker.BreakerError, R>
  /** The breaker of `key`; `undefined` when it has none now, which means closed. Plain. */
  readonly peek: (key: K) => Breaker.Breaker | undefined
  /** The breaker of `key`, made if it has none; `undefined` when there is no room. Plain. */
  readonly get: (key: K) => Breaker.Breaker | undefined
  /** Keys held now. Plain. */
  readonly size: () => number
}

/** How the breaker of a key behaves. */
export type Behaviour = Omit<Breaker.Options, "name" | "program" | "restore" | "store" | "refresh">

/** What each key gets. */
export interface Options<K> extends Behaviour {
  /** The name of them all, in metrics. Never a secret. */
  readonly name: string
  /** Whose they are, in events and lists. Default `"app"`. */
  readonly program?: string | undefined
  /** The name of a key in events and messages, after the map's and a slash; never in metrics. Default `String(key)`. */
  readonly keyName?: ((key: K) => string) | undefined
  /** What is different for a key, asked when its breaker is made. Default: nothing. */
  readonly override?: ((key: K) => Behaviour | undefined) | undefined
  /** Beyond it a closed key goes that was not used of late; if none is found, the new one is not protected. Default `10_000`. */
  readonly maxKeys?: number | undefined
  /** Forgets a key that is closed and was not used for this long, at the latest after twice as long. Default `"1 hour"`. */
  readonly idle?: Duration.Input | undefined
}

/** An empty map; it leaves lists and metrics when the scope closes. Impossible options are a defect that names the field. */
export const make = <K>(options: Options<K>): Effect.Effect<BreakerMap<K>, never, Scope.Scope> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.gen(function* () {
      const idle = Checked.time("idle", options.idle ?? "1 hour")
      const keys = yield* Effect.acquireRelease(
        Effect.sync(() => new Keys(options, context)),
        (keys) => Effect.sync(() => keys.leave()),
      )
      yield* Effect.forkScoped(
        Effect.forever(
          Effect.andThen(
            Effect.sleep(idle),
            Effect.sync(() => keys.sweep()),
          ),
        ),
      )
      return keys
    }),
  )
