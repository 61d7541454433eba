/**
 * Says again and again how things are: one line in place on a terminal, else a plain line now and then.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Process from "./process.ts"

/** Starts saying it, until the scope closes. */
export const start = Effect.fnUntraced(function* (line: () => string): Effect.fn.Return<void, never, Scope.Scope> {
  const { err, live, terminal } = yield* Process.Process
  const say = Effect.sync(() => (terminal ? live(line()) : err(`${line()}\n`)))
  const again = terminal ? Schedule.spaced("250 millis") : Schedule.spaced("10 seconds")
  yield* Effect.forkScoped(Effect.delay(Effect.repeat(say, again), terminal ? 0 : "10 seconds"))
  yield* Effect.addFinalizer(() => Effect.sync(() => live("")))
})
