import { assert, describe, it } from "@effect/vitest"
import { Backoff, Link } from "@holdfast/core"
import { Clock, Duration, Effect } from "effect"
import { TestClock } from "effect/testing"

const hour = 3_600_000

describe("when the system's clock is set, a link", () => {
  for (const jump of [hour, -hour]) {
    it.effect(`dials again after the backoff all the same: ${jump > 0 ? "forwards" : "back"}`, () =>
      Effect.gen(function* () {
        const clock = yield* Clock.Clock
        let set = 0
        const jumping: Clock.Clock = {
          currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + set,
          currentTimeMillis: Effect.sync(() => clock.currentTimeMillisUnsafe() + set),
          currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + BigInt(set) * 1_000_000n,
          currentTimeNanos: Effect.sync(() => clock.currentTimeNanosUnsafe() + BigInt(set) * 1_000_000n),
          monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
          monotonicTimeNanos: clock.monotonicTimeNanos,
          sleep: (duration: Duration.Duration) => clock.sleep(duration),
        }
        let dials = 0
        const link = yield* Link.make({
          target: "t",
          connect: Effect.suspend(() => {
            dials++
            set = jump // while the attempt is under way
            return Effect.fail("away")
          }),
          backoff: Backoff.grpc({ baseDelay: "1 second", jitter: 0 }),
          eager: true,
        }).pipe(Effect.provideService(Clock.Clock, jumping))
        assert.strictEqual(dials, 1)
        yield* TestClock.adjust("999 millis")
        assert.strictEqual(dials, 1)
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual([dials, link.state()], [2, "TransientFailure"])
      }),
    )
  }
})
