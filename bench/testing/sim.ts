/**
 * How fast the simulator is. `node --conditions=source bench/testing/sim.ts` prints a table, each row the median of five runs.
 */
import { Sim } from "@holdfast/testing"
import { Duration, Effect, Exit, Queue, Ref, Schedule } from "effect"
import { median } from "../kit/rounds.ts"

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

const messages = Effect.gen(function* () {
  const wire = yield* Queue.bounded<number>(4)
  const send = Effect.forEach(Array.from({ length: 20 }), (_, n) => Effect.delay(Queue.offer(wire, n), 10))
  const receive = Effect.repeat(Queue.take(wire), { times: 19 })
  yield* Effect.all([send, receive], { concurrency: "unbounded" })
  return 20
})

const row = (program: Effect.Effect<number>, preempt: number, runs = 1) => {
  const samples = Array.from({ length: 5 }, () => {
    let events = 0
    const before = performance.now()
    for (let seed = 0; seed < runs; seed++) {
      const { exit } = Sim.run(program, { seed, preempt, atMost: "1000 days", maxSteps: Infinity })
      if (Exit.isFailure(exit)) throw new Error("the run failed", { cause: exit.cause })
      events += exit.value
    }
    return { seconds: (performance.now() - before) / 1000, events }
  })
  const seconds = median(samples.map(({ seconds }) => seconds))
  const { events } = samples[0]!
  return { preempt, runs, seconds: seconds.toFixed(2), events, "events per second": Math.round(events / seconds) }
}

console.table({
  "virtual year of retries": row(year, 0.1),
  "a year without preemption": row(year, 0),
  "1,000 sleepers": row(sleepers, 0.1),
  "sleepers without preemption": row(sleepers, 0),
  "20 messages, many seeds": row(messages, 0.1, 1000),
})
