/**
 * A port that refuses clients for a while, and is then opened again where it was.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { type Address, format } from "./address.ts"
import * as Tcp from "./tcp.ts"

/** A port. */
export interface Port {
  readonly address: Address
  /** Refuses everybody until the scope closes. */
  readonly shut: Effect.Effect<void, never, Scope.Scope>
}

/** Listens until the scope closes. */
export const open = Effect.fnUntraced(function* (
  listen: Address,
  accept: Parameters<typeof Tcp.listen>[1],
): Effect.fn.Return<Port, Tcp.CannotListen, Scope.Scope> {
  const scope = yield* Effect.scope
  let port = listen.port
  let life: Scope.Closeable | undefined
  let shut = 0
  const born = Effect.gen(function* () {
    const next = yield* Scope.fork(scope)
    port = yield* Tcp.listen({ ...listen, port }, accept).pipe(
      Scope.provide(next),
      Effect.onError(() => Scope.close(next, Exit.void)),
    )
    life = next
  })
  // The port is nobody's while it is shut: whoever took it meanwhile gives it back, or clients are refused for longer.
  const again = Effect.suspend(() => (shut > 0 || life !== undefined ? Effect.void : born)).pipe(
    Effect.tapError(({ why }) => Effect.logWarning(`cannot open ${format({ ...listen, port })} again: ${why}`)),
  )
  const later = Effect.retry(Effect.delay(again, "100 millis"), Schedule.spaced("100 millis"))
  yield* born
  return {
    address: { ...listen, port },
    shut: Effect.acquireRelease(
      Effect.suspend(() => {
        shut++
        if (life === undefined) return Effect.void
        const closing = Scope.close(life, Exit.void)
        life = undefined
        return closing
      }),
      () =>
        Effect.suspend(() => {
          shut--
          return Effect.catch(again, () => Effect.asVoid(Effect.forkIn(Effect.ignore(later), scope)))
        }),
    ),
  }
})
