import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Patience from "../src/internal/patience.ts"

// Waits with so much left; the test lets it fall, and finishes it.
const waiting = (left: number) =>
  Effect.gen(function* () {
    const done = yield* Deferred.make<void>()
    const peer = { left }
    const fiber = yield* Effect.forkChild(Patience.whileMoving(Deferred.await(done), () => peer.left))
    return { done: Deferred.succeed(done, undefined), peer, fiber, over: () => fiber.pollUnsafe() !== undefined }
  })

describe("whileMoving", () => {
  it.effect("is over at once when nothing is left", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* Patience.whileMoving(Effect.never, () => 0))
    }),
  )

  it.effect("is over when what it waits for comes, however little moved", () =>
    Effect.gen(function* () {
      const { done, fiber, over } = yield* waiting(100)
      yield* TestClock.adjust("9 seconds")
      assert.isFalse(over())
      yield* done
      assert.isTrue(yield* Fiber.join(fiber))
    }),
  )

  it.effect("gives up after ten seconds without progress, not before", () =>
    Effect.gen(function* () {
      const { fiber, over } = yield* waiting(100)
      yield* TestClock.adjust("9999 millis")
      assert.isFalse(over())
      yield* TestClock.adjust("1 millis")
      assert.isFalse(yield* Fiber.join(fiber))
    }),
  )

  it.effect("waits for ever while something moves in every ten seconds", () =>
    Effect.gen(function* () {
      const { done, fiber, over, peer } = yield* waiting(1000)
      for (let step = 0; step < 100; step++) {
        yield* TestClock.adjust("9 seconds")
        peer.left--
        yield* TestClock.adjust("1 second")
        assert.isFalse(over())
      }
      yield* done
      assert.isTrue(yield* Fiber.join(fiber))
    }),
  )

  it.effect("gives up when it moved for a while and then stopped", () =>
    Effect.gen(function* () {
      const { fiber, over, peer } = yield* waiting(100)
      yield* TestClock.adjust("5 seconds")
      peer.left = 40
      yield* TestClock.adjust("14 seconds")
      assert.isFalse(over())
      yield* TestClock.adjust("1 second")
      assert.isFalse(yield* Fiber.join(fiber))
    }),
  )

  it.effect("gives up when what is left grows", () =>
    Effect.gen(function* () {
      const { fiber, peer } = yield* waiting(100)
      peer.left = 200
      yield* TestClock.adjust("10 seconds")
      assert.isFalse(yield* Fiber.join(fiber))
    }),
  )

  it.effect("is over when the last of it left without anybody saying so", () =>
    Effect.gen(function* () {
      const { fiber, peer } = yield* waiting(100)
      peer.left = 0
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(yield* Fiber.join(fiber))
    }),
  )
})
