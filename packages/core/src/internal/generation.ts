/**
 * One live connection of a link: who holds it, who must be told when it ends, and the scope that ends with it. Plain code.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { LinkError } from "./linkError.ts"

/** A connection from Ready to its end. */
export class Generation<out A> {
  readonly connection: A
  readonly scope: Scope.Closeable
  readyAt = 0
  /** The attempt it came from is over. */
  settled = false
  holders = 0
  ended: LinkError | undefined
  /** Calls back when the last holder leaves; only a draining generation cares. */
  onUnused: (() => void) | undefined
  #users: Set<() => void> | undefined

  constructor(connection: A, scope: Scope.Closeable) {
    this.connection = connection
    this.scope = scope
  }

  release(): void {
    this.holders--
    if (this.holders === 0) this.onUnused?.()
  }

  /** Runs the effect in a fiber of its own, interrupted when the connection ends: then its end is the answer. */
  guard<B, E, R>(effect: Effect.Effect<B, E, R>): Effect.Effect<B, E | LinkError, R> {
    return Effect.contextWith((context: Context.Context<R>) =>
      Effect.callback<B, E | LinkError>((resume) => {
        if (this.ended !== undefined) return resume(Effect.fail(this.ended))
        const fiber = Effect.runForkWith(context)(effect)
        const interrupt = () => fiber.interruptUnsafe()
        this.#users ??= new Set()
        this.#users.add(interrupt)
        fiber.addObserver((exit) => {
          this.#users?.delete(interrupt)
          const cutOff = this.ended !== undefined && Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)
          resume(cutOff ? Effect.fail(this.ended!) : exit)
        })
        // It ended while the effect took its first steps, perhaps by them.
        if (this.ended !== undefined) interrupt()
        return Fiber.interrupt(fiber)
      }),
    )
  }

  /** Runs the effect until the connection is gone. */
  fork(effect: Effect.Effect<void>): Effect.Effect<unknown> {
    return Effect.forkIn(effect, this.scope, { startImmediately: true })
  }

  /** From now on nobody gets it. `false` when it had ended before. */
  end(error: LinkError): boolean {
    if (this.ended !== undefined) return false
    this.ended = error
    return true
  }

  /** Interrupts the users of what has ended. Runs their finalizers, so it comes after everything that must be in order. */
  dismiss(): void {
    const users = this.#users
    this.#users = undefined
    if (users !== undefined) for (const interrupt of users) interrupt()
  }
}
