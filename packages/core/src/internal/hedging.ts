/**
 * One hedged call: its copies, each in a fiber, and who of them answers.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

/** What a hedged call needs to know. */
export interface Needs<A, E, R> {
  readonly call: Effect.Effect<A, E, R>
  readonly wait: number
  readonly max: number
  /** Whether another copy may be made. */
  readonly take: () => boolean
  readonly count: (result: "won" | "lost" | "suppressed") => void
  /** The first copy is over. */
  readonly took: () => void
  /** The copies live here: a loser that is slow to stop delays nobody, and still ends with it. */
  readonly scope: Scope.Scope
}

/** The copies of one call. */
export class Hedging<A, E, R> {
  readonly #needs: Needs<A, E, R>
  readonly #answer = Deferred.makeUnsafe<A, E>()
  #running = 0
  #copies = 0
  #first: Exit.Exit<A, E> | undefined

  constructor(needs: Needs<A, E, R>) {
    this.#needs = needs
  }

  get run(): Effect.Effect<A, E, R> {
    const { scope } = this.#needs
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Scope.fork(scope), (copies) => {
        const begun = Effect.andThen(
          this.#copy(copies),
          Effect.forkIn(Effect.interruptible(this.#more(copies)), copies),
        )
        const answered = restore(Effect.andThen(begun, Deferred.await(this.#answer)))
        return Effect.onExit(answered, (exit) => {
          const stop = Scope.close(copies, Exit.void)
          // Who is interrupted itself takes its copies with it; who has an answer does not wait for the others to stop.
          return Exit.hasInterrupts(exit) ? stop : Effect.forkIn(stop, scope, { startImmediately: true })
        })
      }),
    )
  }

  #copy(copies: Scope.Scope): Effect.Effect<unknown, never, R> {
    return Effect.suspend(() => {
      const copy = this.#copies++
      this.#running++
      return Effect.map(
        Effect.forkIn(Effect.interruptible(this.#needs.call), copies, { startImmediately: true }),
        // From outside: one that is interrupted before it began has ended, too.
        (fiber) => fiber.addObserver((exit) => this.#ended(copy, exit)),
      )
    }).pipe(Effect.uninterruptible)
  }

  #more(copies: Scope.Scope): Effect.Effect<void, never, R> {
    const { count, max, take, wait } = this.#needs
    return Effect.gen({ self: this }, function* () {
      while (this.#copies <= max) {
        yield* Effect.sleep(wait)
        if (this.#running === 0) return
        if (!take()) return count("suppressed")
        yield* this.#copy(copies)
      }
    })
  }

  #ended(copy: number, exit: Exit.Exit<A, E>): void {
    const { count, took } = this.#needs
    this.#running--
    if (copy === 0) {
      this.#first = exit
      // One that was cut off took at least so long; without it, only fast ones would be known.
      if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) took()
    }
    const wins = Exit.isSuccess(exit) && Deferred.doneUnsafe(this.#answer, exit)
    if (copy > 0) count(wins ? "won" : "lost")
    if (this.#running === 0 && this.#first !== undefined) Deferred.doneUnsafe(this.#answer, this.#first)
  }
}
