/**
 * Scopes that are being closed, or are about to be. Whoever must not overlap with them waits here, but not for ever.
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

/** A peer whose connection does not finish closing holds up the next dial for this long, and no longer. */
export const deadline = 10_000

/** Closes a scope when called; the answer is what is left to run, which fails with what goes wrong in finalizers. */
export type Close = () => Effect.Effect<void> | undefined

/** Closes it without waiting. */
export const hangUp = (close: Close, context: Context.Context<never>): void => {
  const rest = close()
  if (rest !== undefined) Effect.runForkWith(context)(rest)
}

/** What is closing now. */
export class Closings {
  readonly #under = new Set<Closing>()
  #until = Number.NEGATIVE_INFINITY

  /** It counts from now on. */
  add(scope: Scope.Closeable, now: number): Close {
    const closing: Closing = { done: undefined }
    const closed = () => {
      this.#under.delete(closing)
      if (closing.done !== undefined) Deferred.doneUnsafe(closing.done, Exit.void)
    }
    this.#under.add(closing)
    this.#until = now + deadline
    return () => {
      const rest = Scope.closeUnsafe(scope, Exit.void)
      if (rest !== undefined && rest !== Effect.void) return Effect.ensuring(Effect.asVoid(rest), Effect.sync(closed))
      closed() // most need no fiber
      return undefined
    }
  }

  /** All is closed, or the deadline of the last has passed. */
  settled(now: number): Effect.Effect<void> {
    if (this.#under.size === 0 || now >= this.#until) return Effect.void
    return Effect.asVoid(Effect.timeoutOption(this.all, this.#until - now))
  }

  /** All is closed. */
  get all(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const under = Array.from(this.#under, (closing) => (closing.done ??= Deferred.makeUnsafe<void>()))
      for (const done of under) yield* Deferred.await(done) // `Effect.forEach` weighs a kilobyte in browsers
    })
  }
}

interface Closing {
  /** For whoever waits. */
  done: Deferred.Deferred<void> | undefined
}
