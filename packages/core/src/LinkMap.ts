/**
 * Shares connections by key: one dial however many ask, closed after the last one leaves, failed dials never remembered.
 * Does not dial again by itself: a lost connection leaves the map, and the next `get` builds a fresh one.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { LinkError } from "./internal/linkError.ts"
import { Sharing } from "./internal/sharing.ts"
import type * as Link from "./Link.ts"

/** Connections by key. */
export interface LinkMap<in K, in out A, out E> {
  /** The connection for `key`, borrowed for the scope. */
  readonly get: (key: K) => Effect.Effect<A, E | LinkError, Scope.Scope>
  /** Borrows for one effect; answers `Lost` when the connection is lost or retired underneath. */
  readonly use: <B, E2, R>(
    key: K,
    f: (connection: A) => Effect.Effect<B, E2, R>,
  ) => Effect.Effect<B, E | E2 | LinkError, R>
  /**
   * Closes it under its holders, and says whether there was one. With `only`, just if that is still the one: a late report about an
   * old one harms nobody.
   */
  readonly retire: (
    key: K,
    options?: { readonly only?: A | undefined; readonly why?: string | undefined },
  ) => Effect.Effect<boolean>
}

/** How to dial a key. */
export interface Options<K, A, E, R> {
  /** One attempt; what it acquires is released with the connection. */
  readonly connect: (key: K) => Effect.Effect<A, E, R>
  /** Registers for its end, as in `Link`. Default: never. */
  readonly lost?: Link.OnLost<A> | undefined
  /** The most time one attempt gets. Default `"20 seconds"`. */
  readonly connectTimeout?: Duration.Input | undefined
  /** Keep an unused connection this long. Default `0`: it closes with its last user. */
  readonly idle?: Duration.Input | undefined
  /** The name of a key in events and metrics. Default `String(key)`. */
  readonly target?: ((key: K) => string) | undefined
  /** Whose connections they are, in events and lists. Default `"app"`. */
  readonly program?: string | undefined
}

/** A map that closes everything when the scope closes; later calls fail with `Closed`. */
export const make = <K, A, E, R>(
  options: Options<K, A, E, R>,
): Effect.Effect<LinkMap<K, A, E>, never, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Exclude<R, Scope.Scope>>) =>
    Effect.acquireRelease(
      Effect.sync(() => new Sharing(options, context)),
      (map) => map.close,
    ),
  )

/** What `Service` makes: the key and its layer. */
export interface ServiceClass<Self, Id extends string, K, A, E, R> extends Context.ServiceClass<
  Self,
  Id,
  LinkMap<K, A, E>
> {
  /** Provides the map. */
  readonly layer: Layer.Layer<Self, never, Exclude<R, Scope.Scope>>
}

/** A map as a service: `class Stores extends LinkMap.Service<Stores>()("app/Stores", { connect }) {}`. */
export const Service =
  <Self>() =>
  <const Id extends string, K, A, E, R>(id: Id, options: Options<K, A, E, R>): ServiceClass<Self, Id, K, A, E, R> => {
    const service = Context.Service<Self, LinkMap<K, A, E>>()(id)
    return Object.assign(service, { layer: Layer.effect(service, make(options)) })
  }
