/**
 * Scopes that are being closed, or are about to be. Whoever must not overlap with them waits here, but not for ever.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

/** A peer whose connection does not finish closing holds up the next dial for this long, and no longer. */
export const deadline = 10_000

/** What is closing now. */
export class Closings {
  readonly #under = new Set<Deferred.Deferred<void>>()
  #until = Number.NEGATIVE_INFINITY

  /** It counts from now on; run the answer to close it. What goes wrong in finalizers is the answer's failure and nobody else's. */
  add(scope: Scope.Closeable, now: number): Effect.Effect<void> {
    const done = Deferred.makeUnsafe<void>()
    this.#under.add(done)
    this.#until = now + deadline
    return Effect.ensuring(
      Scope.close(scope, Exit.void),
      Effect.sync(() => {
        this.#under.delete(done)
        Deferred.doneUnsafe(done, Exit.void)
      }),
    )
  }

  /** All is closed, or the deadline of the last has passed. */
  settled(now: number): Effect.Effect<void> {
    if (this.#under.size === 0 || now >= this.#until) return Effect.void
    return Effect.asVoid(Effect.timeoutOption(this.all, this.#until - now))
  }

  /** All is closed. */
  get all(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      for (const one of Array.from(this.#under)) yield* Deferred.await(one) // `Effect.forEach` weighs a kilobyte in browsers
    })
  }
}
