/**
 * Breakers as their tests want them, and calls that end when told.
 */
import { Breaker } from "@holdfast/core"
import { Deferred, Duration, Effect } from "effect"
import { TestClock } from "effect/testing"

export const ok = Effect.succeed("ok")
export const bad = Effect.fail("bad")

export const fail = (breaker: Breaker.Breaker, times = 1) =>
  Effect.repeat(Effect.ignore(breaker.protect(bad)), { times: times - 1 })

/** When the breaker says to come again, in milliseconds. */
export const retryAfter = (breaker: Breaker.Breaker) =>
  Effect.map(Effect.flip(breaker.protect(ok)), (error) => Duration.toMillis(error.reason.retryAfter))

export const steps = (breaker: Breaker.Breaker) =>
  breaker.history().map(({ from, reason, to }) => `${from} ${to} ${reason}`)

/** Calls that end when told. */
export const pending = Effect.gen(function* () {
  const end = yield* Deferred.make<string, string>()
  return { call: Deferred.await(end), succeed: Deferred.succeed(end, "late"), fail: Deferred.fail(end, "late") }
})

export const fork = <A, E>(call: Effect.Effect<A, E>) => Effect.forkChild(Effect.exit(call), { startImmediately: true })

/** Opens at the first failure, for ten seconds. */
export const touchy = (options?: Partial<Breaker.Options>) =>
  Breaker.make({ name: "db", rules: [Breaker.consecutive(1)], openFor: "10 seconds", ...options })

/** One whose time is over. */
export const due = (options?: Partial<Breaker.Options>) =>
  Effect.gen(function* () {
    const breaker = yield* touchy(options)
    yield* fail(breaker)
    yield* TestClock.adjust("10 seconds")
    return breaker
  })
