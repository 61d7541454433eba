/**
 * How fast the simulator is. `node --conditions=source bench/testing/sim.ts` prints a table, each row the median of five runs.
 */
import { Sim } from "@holdfast/testing"
import { Duration, Effect, Exit, Ref, Schedule } from "effect"

const year = Effect.gen(function* () {
  const attempts = yield* Ref.make(0)
  const backoff = Schedule.exponential("1 second").pipe(
    Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.minutes(1)))),
    Schedule.jittered,
    Schedule.upTo({ duration: "365 days" }),
  )
  const dial = Effect.andThen(
    Ref.update(attempts, (n) => n + 1),
    Effect.fail("down"),
  )
  yield* Effect.ignore(Effect.retry(dial, backoff))
  return yield* Ref.get(attempts)
})

const sleepers = Effect.gen(function* () {
  let woken = 0
  const sleeper = (n: number) =>
    Effect.gen(function* () {
      for (let i = 0; i < 100; i++) {
        yield* Effect.sleep(10 + (n % 7))
        woken++
      }
    })
  yield* Effect.forEach(
    Array.from({ length: 1000 }, (_, n) => n),
    sleeper,
    { concurrency: "unbounded", discard: true },
  )
  return woken
})

const measure = (program: Effect.Effect<number>, preempt: number) => {
  const samples = Array.from({ length: 5 }, () => {
    const before = performance.now()
    const { exit } = Sim.run(program, { preempt, atMost: "1000 days", maxSteps: Infinity })
    const seconds = (performance.now() - before) / 1000
    if (Exit.isFailure(exit)) throw new Error("the run failed", { cause: exit.cause })
    return { seconds, events: exit.value }
  })
  const { events, seconds } = samples.sort((a, b) => a.seconds - b.seconds)[2]!
  return { preempt, seconds: seconds.toFixed(2), events, "events per second": Math.round(events / seconds) }
}

console.table({
  "virtual year, default": measure(year, 0.1),
  "virtual year, no preemption": measure(year, 0),
  "1,000 sleepers, default": measure(sleepers, 0.1),
  "1,000 sleepers, no preemption": measure(sleepers, 0),
})
