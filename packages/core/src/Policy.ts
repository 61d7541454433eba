/**
 * Several protections as one, in the order that works: bulkhead, rate, hedge, retry, breaker, timeout, chaos; outermost first. For
 * another order call them yourself: they are functions on Effects.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type * as Breaker from "./Breaker.ts"
import type * as Bulkhead from "./Bulkhead.ts"
import type * as Hedge from "./Hedge.ts"
import * as Checked from "./internal/checked.ts"
import type * as RetryBudget from "./RetryBudget.ts"

/** Where it belongs, outermost first. */
export type Place = "bulkhead" | "rate" | "hedge" | "retry" | "breaker" | "timeout" | "chaos"

/** One protection in its place. */
export interface Part<out E2 = never> {
  readonly place: Place
  readonly apply: <A, E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<A, E | E2, R>
}

/** Something around a call; `E2` is what it may answer instead. */
export interface Policy<out E2 = never> {
  /** What it is made of, outermost first. */
  readonly parts: ReadonlyArray<Part<E2>>
  /** Puts it around a call: `call.pipe(policy.protect)`. */
  readonly protect: <A, E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<A, E | E2, R>
}

/** All of them, in the documented order however they are given. Two for one place throw an error that names it. */
export const compose = <const Ps extends ReadonlyArray<Policy<unknown>>>(
  ...policies: Ps
): Policy<ErrorOf<Ps[number]>> => {
  policies.forEach((policy, index) => {
    if (!Array.isArray(policy?.parts))
      throw new RangeError(`policies[${index}] must be a Policy, as \`Policy.breaker(breaker)\` is`)
  })
  const parts = (policies as ReadonlyArray<Policy<ErrorOf<Ps[number]>>>) // each adds its own errors, the union of which this is
    .flatMap(({ parts }) => parts)
    .toSorted((a, b) => order.indexOf(a.place) - order.indexOf(b.place))
  parts.forEach(({ place }, index) => {
    if (parts[index + 1]?.place === place)
      throw new RangeError(`two policies for the place "${place}"; a call has room for one`)
  })
  return of(parts)
}

type ErrorOf<P> = P extends Policy<infer E> ? E : never

/** Your own: a rate limiter, chaos in a test. */
export const make = <E2 = never>(place: Place, apply: Part<E2>["apply"]): Policy<E2> => {
  if (!order.includes(place)) throw new RangeError(`place must be one of ${order.join(", ")}, got ${String(place)}`)
  return of([{ place, apply }])
}

/** At most so many at a time, retries and hedges of a call together. */
export const bulkhead = (self: Bulkhead.Bulkhead): Policy<Bulkhead.BulkheadFull> => make("bulkhead", self.protect)

/** A second copy when slow, each with retries of its own. */
export const hedge = (self: Hedge.Hedge): Policy => make("hedge", self.protect)

/** Again, within the budget, and not before a refusal's `retryAfter`. */
export const retry = (budget: RetryBudget.RetryBudget, schedule: Schedule.Schedule<unknown>): Policy =>
  make("retry", (call) => budget.retry(call, schedule))

/** Not while it fails; sees each attempt. */
export const breaker = (self: Pick<Breaker.Breaker, "protect">): Policy<Breaker.BreakerError> =>
  make("breaker", self.protect)

/** For each attempt; one that takes longer fails, for the breaker too. */
export const timeout = (atMost: Duration.Input): Policy<Cause.TimeoutError> => {
  const millis = Checked.time("timeout", atMost)
  return make("timeout", (call) => Effect.timeout(call, millis))
}

const order: ReadonlyArray<Place> = ["bulkhead", "rate", "hedge", "retry", "breaker", "timeout", "chaos"]

const of = <E2>(parts: ReadonlyArray<Part<E2>>): Policy<E2> => ({
  parts,
  protect: <A, E, R>(call: Effect.Effect<A, E, R>) =>
    parts.reduceRight<Effect.Effect<A, E | E2, R>>((inner, part) => part.apply(inner), call),
})
