/**
 * The five states of anything that connects, in gRPC's words. Read side only: owners move the state, users watch it.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** `Idle` is healthy: nothing asked for a connection yet. `Shutdown` is final. */
export type State = "Idle" | "Connecting" | "Ready" | "TransientFailure" | "Shutdown"

/** The reader fell behind: so many changes are missing here, and this is how it stands now. */
export interface Lagged<out S = State> {
  readonly _tag: "Lagged"
  readonly missed: number
  readonly now: S
}

/** What a reader has not seen yet; waits until there is something, and is done after the last. */
export type Changes<S> = Pull.Pull<readonly [S | Lagged<S>, ...Array<S | Lagged<S>>]>

/** Something whose state can be watched: a `Link`, a `Channel`, a `Pool`, a `Client`. */
export interface Connectivity {
  /** The state now. Plain. */
  readonly state: () => State
  /** The state now, then changes, kept for this reader until its scope closes: 64 at most, then `Lagged`. Ends after `Shutdown`. */
  readonly subscribe: Effect.Effect<Changes<State>, never, Scope.Scope>
}

/** The state now, then changes; who falls behind by more than 64 gets `Lagged`. Ends after `Shutdown`. */
export const changes = (self: Connectivity): Stream.Stream<State | Lagged> =>
  Stream.scoped(Stream.fromPull(self.subscribe))

/** Only states: in place of a `Lagged` comes the state it carries. */
export const latest = <S extends string, E, R>(changes: Stream.Stream<S | Lagged<S>, E, R>): Stream.Stream<S, E, R> =>
  Stream.map(changes, now)

/** Waits until the state is one of `states` or `Shutdown`, and says which; an edge that already happened is not missed. */
export const waitFor = (self: Connectivity, ...states: ReadonlyArray<State>): Effect.Effect<State> =>
  Effect.gen(function* () {
    const pull = yield* self.subscribe
    while (true) {
      for (const change of yield* pull) {
        const state = now(change)
        if (state === "Shutdown" || states.includes(state)) return state
      }
    }
  }).pipe(
    Effect.scoped,
    Effect.catchIf(Cause.isDone, () => Effect.succeed("Shutdown" as const)),
  )

/** `Ready` and `Idle` are healthy. */
export const isHealthy = (state: State): boolean => state === "Ready" || state === "Idle"

const now = <S extends string>(change: S | Lagged<S>): S => (typeof change === "string" ? change : change.now)
