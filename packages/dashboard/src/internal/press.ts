/**
 * Runs an operator's action. It belongs to the program, not to who asked: it goes on when the client leaves, is not started
 * twice, and ends with the scope.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberMap from "effect/FiberMap"
import * as Option from "effect/Option"
import * as Guard from "./guard.ts"

const patience = "5 seconds"

/** Runs the actions under one name, and answers when they are done or it has waited long enough. */
export const make = Effect.gen(function* () {
  const running = yield* FiberMap.make<string, void>()
  const run = yield* FiberMap.runtime(running)<never>()
  return Effect.fnUntraced(function* (name: string, actions: ReadonlyArray<Effect.Effect<void>>) {
    const action = Effect.all(actions, { concurrency: 16, discard: true }).pipe(
      Effect.tapDefect((defect) => Effect.logError(`The action ${name} failed`, defect)),
    )
    const fiber = Option.getOrElse(yield* FiberMap.get(running, name), () => run(name, action))
    const exit = yield* Effect.timeoutOption(Fiber.await(fiber), patience)
    if (Option.isNone(exit)) return Guard.json({ state: "running", count: actions.length }, 202)
    return Exit.isSuccess(exit.value)
      ? Guard.json({ state: "done", count: actions.length })
      : Guard.refuse(500, "the action did not finish; the program's log says why")
  })
})
