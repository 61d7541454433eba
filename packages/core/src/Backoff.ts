/**
 * Schedules for dialling again. They only decide delays, between the starts of attempts; who dials, and when to forget the past,
 * is `Link`'s business.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"

/** gRPC's connection backoff: grow, cap, then jitter; the first delay is not jittered (gRFC connection-backoff). */
export const grpc = (options?: {
  /** Default `"1 second"`. */
  readonly baseDelay?: Duration.Input | undefined
  /** Default `1.6`. */
  readonly multiplier?: number | undefined
  /** Share of the delay added or taken away. Default `0.2`. */
  readonly jitter?: number | undefined
  /** Default `"2 minutes"`, before jitter. */
  readonly maxDelay?: Duration.Input | undefined
}): Schedule.Schedule<Duration.Duration> => {
  const { baseDelay = "1 second", jitter = 0.2, maxDelay = "2 minutes", multiplier = 1.6 } = options ?? {}
  const delays = exponential("Backoff.grpc", baseDelay, multiplier, maxDelay)
  if (!(jitter >= 0 && jitter < 1))
    throw new RangeError(`Backoff.grpc: jitter is a share from 0 to below 1, got ${jitter}`)
  return make((attempt) => {
    const delay = delays(attempt)
    return attempt === 0 || jitter === 0
      ? Effect.succeed(delay)
      : Effect.map(Random.next, (chance) => delay * (1 + jitter * (2 * chance - 1)))
  })
}

/**
 * Full jitter: any delay between a tenth of `baseDelay` and the capped exponential one. What clients of a restarted server want,
 * because they all lost it in the same moment.
 */
export const full = (options?: {
  /** Default `"100 millis"`. */
  readonly baseDelay?: Duration.Input | undefined
  /** Default `2`. */
  readonly multiplier?: number | undefined
  /** Default `"5 seconds"`. */
  readonly maxDelay?: Duration.Input | undefined
}): Schedule.Schedule<Duration.Duration> => {
  const { baseDelay = "100 millis", maxDelay = "5 seconds", multiplier = 2 } = options ?? {}
  const delays = exponential("Backoff.full", baseDelay, multiplier, maxDelay)
  const least = delays(0) / 10
  return make((attempt) => Effect.map(Random.next, (chance) => least + chance * (delays(attempt) - least)))
}

/**
 * Starts `self` over when `stable` or more passed between the end of a delay and the next failure. `Effect.retry` alone never does.
 * `Link` has this built in, as `stableAfter`.
 */
export const resetWhenStable: {
  (stable: Duration.Input): <O, I, E, R>(self: Schedule.Schedule<O, I, E, R>) => Schedule.Schedule<O, I, E, R>
  <O, I, E, R>(self: Schedule.Schedule<O, I, E, R>, stable: Duration.Input): Schedule.Schedule<O, I, E, R>
} = /* @__PURE__ */ dual(
  2,
  <O, I, E, R>(self: Schedule.Schedule<O, I, E, R>, stable: Duration.Input): Schedule.Schedule<O, I, E, R> =>
    Schedule.fromStep(
      Effect.map(Effect.context<R>(), (context) => {
        const enough = Duration.toMillis(Duration.fromInputUnsafe(stable))
        const fresh = Effect.provideContext(Schedule.toStep(self), context)
        let step: Effect.Success<typeof fresh> | undefined
        let due = 0
        return (now: number, input: I) =>
          Effect.gen(function* () {
            if (step === undefined || now - due >= enough) step = yield* fresh
            const next = yield* step(now, input)
            due = now + Duration.toMillis(next[1])
            return next
          })
      }),
    ),
)

/** The delay of each attempt in milliseconds, from 0, before jitter. */
const exponential = (name: string, baseDelay: Duration.Input, multiplier: number, maxDelay: Duration.Input) => {
  const base = Duration.toMillis(Duration.fromInputUnsafe(baseDelay))
  const most = Duration.toMillis(Duration.fromInputUnsafe(maxDelay))
  if (!(base > 0)) throw new RangeError(`${name}: baseDelay must be longer than 0, got ${base} ms`)
  if (!(multiplier >= 1)) throw new RangeError(`${name}: multiplier must be at least 1, got ${multiplier}`)
  return (attempt: number) => Math.min(most, base * multiplier ** attempt)
}

const make = (delay: (attempt: number) => Effect.Effect<number>): Schedule.Schedule<Duration.Duration> =>
  Schedule.fromStep(
    Effect.sync(() => {
      let attempt = 0
      return () =>
        Effect.map(
          Effect.suspend(() => delay(attempt++)),
          (millis): [Duration.Duration, Duration.Duration] => [Duration.millis(millis), Duration.millis(millis)],
        )
    }),
  )
