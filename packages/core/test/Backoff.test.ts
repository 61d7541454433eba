import { assert, describe, it } from "@effect/vitest"
import { Backoff } from "@holdfast/core"
import { Duration, Effect, Random, Schedule } from "effect"

/** The first delays of a schedule, in milliseconds, when each attempt fails at once. */
const delays = Effect.fnUntraced(function* (schedule: Schedule.Schedule<unknown>, count: number) {
  const step = yield* Schedule.toStep(schedule)
  const found: Array<number> = []
  for (let i = 0; i < count; i++) found.push(Duration.toMillis((yield* step(0, undefined))[1]))
  return found
}, Effect.orDie)

/** gRPC's connection backoff without jitter, in seconds: 1 s, times 1.6, at most 120 s. */
const unjittered = [
  1, 1.6, 2.56, 4.096, 6.5536, 10.48576, 16.777216, 26.8435456, 42.94967296, 68.719476736, 109.9511627776, 120, 120,
]

describe("Backoff.grpc", () => {
  it.effect("without jitter is gRPC's series to the letter", () =>
    Effect.gen(function* () {
      const found = yield* delays(Backoff.grpc({ jitter: 0 }), unjittered.length)
      found.forEach((delay, i) => assert.closeTo(delay, unjittered[i]! * 1000, 1e-6))
    }),
  )

  it.effect("jitters by a fifth, but never the first delay, and never above 144 s", () =>
    Effect.gen(function* () {
      for (let seed = 0; seed < 200; seed++) {
        const found = yield* delays(Backoff.grpc(), unjittered.length).pipe(Random.withSeed(seed))
        assert.strictEqual(found[0], 1000)
        found.slice(1).forEach((delay, i) => {
          const middle = unjittered[i + 1]! * 1000
          assert.isAtLeast(delay, middle * 0.8)
          assert.isAtMost(delay, Math.min(middle * 1.2, 144_000))
        })
      }
    }),
  )

  it.effect("jitters the delay, not what the next one grows from", () =>
    Effect.gen(function* () {
      const largest = yield* delays(Backoff.grpc(), 12).pipe(Effect.provideService(Random.Random, always(0.999999)))
      assert.closeTo(largest[10]!, 109_951 * 1.2, 10)
      assert.closeTo(largest[11]!, 144_000, 10)
    }),
  )

  it("says which option is impossible", () => {
    assert.throws(() => Backoff.grpc({ baseDelay: 0 }), /Backoff.grpc: baseDelay must be longer than 0/)
    assert.throws(() => Backoff.grpc({ multiplier: 0.5 }), /Backoff.grpc: multiplier must be at least 1/)
    assert.throws(() => Backoff.grpc({ jitter: 1 }), /Backoff.grpc: jitter is a share/)
  })
})

describe("Backoff.full", () => {
  it.effect("draws from a tenth of the base to the capped exponential delay", () =>
    Effect.gen(function* () {
      const most = [100, 200, 400, 800, 1600, 3200, 5000, 5000]
      const least = yield* delays(Backoff.full(), most.length).pipe(Effect.provideService(Random.Random, always(0)))
      assert.deepStrictEqual(
        least,
        most.map(() => 10),
      )
      const largest = yield* delays(Backoff.full(), most.length).pipe(
        Effect.provideService(Random.Random, always(0.9999999)),
      )
      largest.forEach((delay, i) => assert.closeTo(delay, most[i]!, 0.01))
    }),
  )
})

describe("Backoff.resetWhenStable", () => {
  it.effect("starts over after a stable time, and only then", () =>
    Effect.gen(function* () {
      const step = yield* Schedule.toStep(Backoff.resetWhenStable(Backoff.grpc({ jitter: 0 }), "10 seconds"))
      const at = (now: number) => Effect.map(step(now, undefined), ([, delay]) => Duration.toMillis(delay))
      assert.strictEqual(yield* at(0), 1000)
      assert.strictEqual(yield* at(1000), 1600)
      assert.strictEqual(yield* at(2600 + 9999), 2560)
      assert.strictEqual(yield* at(2600 + 9999 + 2560 + 10_000), 1000)
    }),
  )
})

const always = (chance: number) => ({
  nextDoubleUnsafe: () => chance,
  nextIntUnsafe: () => 0,
})
