import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Random } from "effect"
import { TestClock } from "effect/testing"
import * as Chaos from "../src/internal/chaos.ts"
import { RunError } from "../src/internal/failure.ts"

/** A server whose life is written down; its port is taken for the attempts named, from 1. */
const killing = (taken: ReadonlyArray<number> = []) =>
  Effect.gen(function* () {
    const diary: Array<string> = []
    let attempts = 0
    const start = (address: string) =>
      Effect.suspend(() => {
        if (taken.includes(++attempts)) return Effect.fail(new RunError({ message: "the port is in use" }))
        diary.push(`starts on ${address}`)
        const victim = { address: "127.0.0.1:5", cut: () => void diary.push("is cut") }
        return Effect.acquireRelease(Effect.succeed(victim), () => Effect.sync(() => diary.push("closes")))
      })
    const chaos = yield* Chaos.make({ start, onKilled: () => void diary.push("is dead") })
    yield* TestClock.adjust(0)
    return { ...chaos, diary }
  }).pipe(Random.withSeed("chaos"))

const deaths = (diary: ReadonlyArray<string>): number => diary.filter((line) => line === "is dead").length

describe("chaos", () => {
  it.effect("kills the server every 2 to 5 seconds, and starts it again on its port within a second", () =>
    Effect.gen(function* () {
      const { address, diary } = yield* killing()
      assert.strictEqual(address, "127.0.0.1:5")
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(diary, ["starts on 127.0.0.1:0"])
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(diary.slice(1, 5), ["is cut", "closes", "is dead", "starts on 127.0.0.1:5"])
      yield* TestClock.adjust("60 seconds")
      assert.isAtLeast(deaths(diary), 10)
      assert.isAtMost(deaths(diary), 30)
    }),
  )

  it.effect("starts it again as soon as its port is free", () =>
    Effect.gen(function* () {
      const { diary } = yield* killing([2, 3])
      yield* TestClock.adjust("6500 millis")
      assert.deepStrictEqual(diary.slice(1, 5), ["is cut", "closes", "is dead", "starts on 127.0.0.1:5"])
    }),
  )

  it.effect("stops when it is told to, with the server there", () =>
    Effect.gen(function* () {
      const { diary, stop } = yield* killing([2, 3, 4, 5])
      while (deaths(diary) === 0) yield* TestClock.adjust("100 millis")
      assert.strictEqual(diary.at(-1), "is dead")
      const stopping = yield* Effect.forkChild(stop)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(diary.at(-1), "starts on 127.0.0.1:5")
      yield* Fiber.join(stopping)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(deaths(diary), 1)
    }),
  )

  it.effect("that cannot even begin says why", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(killing([1]))).message, "the port is in use")
    }),
  )
})
