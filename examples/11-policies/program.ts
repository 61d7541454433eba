/**
 * A policy around a flaky call: retries within a budget, a breaker that they wait for, a timeout for each attempt, and no more than
 * two at a time. What happens is printed as the hub tells it.
 */
import { Breaker, Bulkhead, Events, EventStream, Policy, RetryBudget } from "@holdfast/core"
import { Console, Effect, Schedule, Stream } from "effect"
import { quote } from "./quotes.ts"

const guarded = Effect.gen(function* () {
  const bulkhead = yield* Bulkhead.make({ name: "quotes", concurrent: 2 })
  const budget = yield* RetryBudget.make({ name: "quotes" })
  const breaker = yield* Breaker.make({
    name: "quotes",
    rules: [Breaker.consecutive(3)],
    openFor: "200 millis",
  })
  const policy = Policy.compose(
    Policy.bulkhead(bulkhead),
    Policy.retry(budget, Schedule.spaced("20 millis").pipe(Schedule.upTo({ times: 4 }))),
    Policy.breaker(breaker),
    Policy.timeout("1 second"),
  )
  return { breaker, quote: policy.protect(quote) }
})

export const program = Effect.gen(function* () {
  yield* Effect.forkScoped(Stream.runForEach(EventStream.entries(), ({ event }) => Console.log(`  ${told(event)}`)))
  const { breaker, quote } = yield* guarded

  yield* Console.log(yield* quote)

  const three = yield* Effect.all([quote, quote, quote].map(Effect.result), { concurrency: "unbounded" })
  for (const result of three) yield* Console.log(result._tag === "Success" ? result.success : result.failure.message)

  const isolated = Effect.andThen(breaker.isolate("maintenance"), Effect.flip(breaker.protect(quote)))
  yield* Console.log((yield* Effect.scoped(isolated)).message)
  yield* Effect.sleep("10 millis")
}).pipe(Effect.scoped, Effect.provide(Events.layer()))

const told = (event: Events.Event): string =>
  "from" in event && "to" in event && "why" in event
    ? `${event.target}: ${String(event.from)} to ${String(event.to)}, ${String(event.why)}`
    : `${event.target}: ${event._tag}`
