import { assert, describe, it } from "@effect/vitest"
import { Sim } from "@holdfast/testing"
import { Duration, Effect, Exit, Ref, Schedule } from "effect"

describe("speed", () => {
  // `bench/testing/sim.ts` measures a whole year; a month keeps a slow machine within the time of a test.
  it("a virtual month of retries takes a moment", () => {
    const program = Effect.gen(function* () {
      const attempts = yield* Ref.make(0)
      const backoff = Schedule.exponential("1 second").pipe(
        Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.minutes(1)))),
        Schedule.jittered,
        Schedule.upTo({ duration: "30 days" }),
      )
      const dial = Effect.andThen(
        Ref.update(attempts, (n) => n + 1),
        Effect.fail("down"),
      )
      yield* Effect.ignore(Effect.retry(dial, backoff))
      return yield* Ref.get(attempts)
    })
    const before = performance.now()
    const { exit, now } = Sim.run(program, { atMost: "31 days" })
    const seconds = (performance.now() - before) / 1000
    assert.isTrue(Exit.isSuccess(exit) && exit.value > 40_000 && exit.value < 46_000, String(exit))
    assert.isAbove(Duration.toDays(Duration.millis(now)), 29.9)
    // A year may take 20 seconds.
    assert.isBelow(seconds, 20 / 12)
  })
})
