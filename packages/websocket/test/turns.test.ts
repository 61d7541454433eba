import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Turns from "../src/internal/turns.ts"

const starting = { startImmediately: true }

describe("turns", () => {
  it.effect("are taken so many at a time, in the order of arrival", () =>
    Effect.gen(function* () {
      const turns = Turns.make(2)
      const [begun, done] = [[] as Array<number>, [] as Array<() => void>]
      const take = (id: number) =>
        turns.take(
          Effect.callback<void>((resume) => {
            begun.push(id)
            done.push(() => resume(Effect.void))
          }),
        )
      const fibers = yield* Effect.forEach([0, 1, 2, 3, 4], (id) => Effect.forkChild(take(id), starting))
      assert.deepStrictEqual(begun, [0, 1])
      yield* Fiber.interrupt(fibers[2]!)
      done[1]!()
      yield* Fiber.await(fibers[1]!)
      assert.deepStrictEqual(begun, [0, 1, 3])
      yield* Fiber.interrupt(fibers[0]!)
      yield* Effect.yieldNow
      assert.deepStrictEqual(begun, [0, 1, 3, 4])
    }),
  )

  it.effect("are given back by who fails, and by who is interrupted in the moment it was called", () =>
    Effect.gen(function* () {
      const turns = Turns.make(1)
      yield* Effect.flip(turns.take(Effect.fail("no")))
      const holder = yield* Effect.forkChild(turns.take(Effect.never), starting)
      const next = yield* Effect.forkChild(turns.take(Effect.never), starting)
      holder.interruptUnsafe()
      next.interruptUnsafe()
      yield* Fiber.await(next)
      assert.strictEqual(yield* turns.take(Effect.succeed("mine")), "mine")
    }),
  )
})
