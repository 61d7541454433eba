import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { Check, History, Sim } from "@holdfast/testing"
import { Effect, Random, Ref } from "effect"
import { Here } from "../src/internal/record.ts"
import { clean, explored, restore } from "./surroundings.ts"

beforeEach(clean)
afterEach(restore)

/** Four fibers that read and write a register which takes its time. */
const used = (read: Effect.Effect<number>, write: (value: number) => Effect.Effect<void>) =>
  Effect.forEach(
    [1, 2, 3, 4],
    (fiber) =>
      Effect.gen(function* () {
        for (let n = 0; n < 3; n++) {
          const pause = Effect.sleep(yield* Random.nextIntBetween(0, 20))
          const value = 10 * fiber + n
          yield* Effect.andThen(pause, write(value)).pipe(History.attempt("write", "x", value))
          yield* Effect.andThen(pause, read).pipe(History.attempt("read", "x", null, (found: number) => found))
        }
      }).pipe(Effect.provideService(Here, `host${fiber}`)),
    { concurrency: "unbounded", discard: true },
  )

const check = [Check.linearizable({ read: "read", write: "write", initial: 0 })]

describe("linearizable", () => {
  it("holds of a register that is written and read in one step, in any order of the fibers", () => {
    const program = Effect.flatMap(Ref.make(0), (register) =>
      used(Ref.get(register), (value) => Ref.set(register, value)),
    )
    assert.deepStrictEqual(Sim.explore({ check, seed: 0, preempt: 0.3 }, program), { _tag: "Passed", runs: 200 })
  })

  it("is broken by a register that is read from a copy, which is made a moment after the write has ended", () => {
    const program = Effect.gen(function* () {
      const [register, copy] = [yield* Ref.make(0), yield* Ref.make(0)]
      const refresh = Effect.delay(
        Effect.flatMap(Ref.get(register), (value) => Ref.set(copy, value)),
        5,
      )
      yield* used(Ref.get(copy), (value) =>
        Effect.andThen(Ref.set(register, value), Effect.asVoid(Effect.forkChild(refresh))),
      )
      yield* Effect.sleep("1 second")
    })
    assert.deepStrictEqual(
      explored({ check, seed: 0 }, program).broken.map(({ rows }) => rows.map(({ op }) => op)),
      [["read"]],
    )
  })
})
