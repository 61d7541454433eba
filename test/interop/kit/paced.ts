/**
 * A test clock that keeps pace with real sockets: time passes with turns of the event loop, and not with the machine's. Everything that
 * is ready in a turn happens in it, so sockets of this process are as quick on a busy machine as on an idle one.
 */
import { it } from "@effect/vitest"
import { Effect, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"

/** A test on such a clock. */
export const pacedTest = (name: string, test: () => Effect.Effect<unknown, unknown, Scope.Scope>) =>
  it.effect(name, () => paced(test()))

/** Runs on such a clock, in an `it.effect`. */
export const paced = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
  while (fiber.pollUnsafe() === undefined) {
    for (let turn = 0; turn < turns; turn++) yield* oneTurn
    yield* TestClock.adjust(`${step} millis`)
  }
  return yield* Fiber.join(fiber)
})

// An answer through a proxy takes about eight turns: four hops, each heard in one turn and written in the next.
const [step, turns] = [2, 8]

const oneTurn = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
