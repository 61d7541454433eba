/**
 * Asks a second time when the first answer is slow, and takes whichever comes first. Only for calls that may be made twice; for those
 * that fail there is `RetryBudget`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as Checked from "./internal/checked.ts"
import { CountedBy } from "./internal/countedBy.ts"
import { Hedging } from "./internal/hedging.ts"
import * as Monotonic from "./internal/monotonic.ts"
import * as Numbers from "./internal/numbers.ts"
import { Times } from "./internal/quantile.ts"
import * as RetryBudget from "./RetryBudget.ts"

/** Hedges calls towards one target. */
export interface Hedge {
  /**
   * The first success wins and the others are interrupted, without waiting for them. If the first copy fails before another is made,
   * so does the call; if all fail, it fails as the first did.
   */
  readonly protect: <A, E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** When and how often. */
export interface Options {
  /** The name in metrics. */
  readonly name: string
  /**
   * How long to wait before the next copy: a time, or a quantile of the last calls once `minimum` were seen, until which there are no
   * copies. Default `{ quantile: 0.95, minimum: 20 }`.
   */
  readonly delay?: Duration.Input | { readonly quantile: number; readonly minimum: number } | undefined
  /** Copies besides the first. Default `1`. */
  readonly max?: number | undefined
  /** Each copy takes one out. Default: a budget of its own. */
  readonly budget?: RetryBudget.RetryBudget | undefined
}

/**
 * A hedge; when the scope closes, what runs is interrupted, and calls after that have no copies. Impossible options are a defect that
 * names the field.
 */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Hedge, never, Scope.Scope> {
  const { max = 1, name } = options
  Checked.name("name", name)
  Checked.within("max", Checked.whole("max", max, 1), 1, 100)
  const times = new Times()
  const delay = delayOf(options.delay ?? { quantile: 0.95, minimum: 20 }, times)
  const scope = yield* Effect.scope
  const budget = options.budget ?? (yield* RetryBudget.make({ name }))
  const numbers = yield* Numbers.make({ op: name })
  const clock = yield* Clock.Clock
  const now = () => Monotonic.millis(clock)
  const count = (result: string) => numbers.count("holdfast_hedges_total", result, { result })

  return {
    protect: (call) =>
      Effect.suspend(() => {
        budget.count()
        const started = now()
        const took = () => times.note(now() - started)
        const counted = Effect.provideService(call, CountedBy, budget)
        const wait = scope.state._tag === "Closed" ? undefined : delay()
        if (wait === undefined) return Effect.tap(counted, () => Effect.sync(took))
        return new Hedging({ call: counted, wait, max, take: () => budget.take("hedge"), count, took, scope }).run
      }),
  }
})

const delayOf = (delay: NonNullable<Options["delay"]>, times: Times): (() => number | undefined) => {
  if (isQuantile(delay)) {
    const share = Checked.share("delay.quantile", delay.quantile)
    const minimum = Checked.whole("delay.minimum", delay.minimum, 1)
    return () => times.quantile(share, minimum)
  }
  const millis = Checked.timeOrNone("delay", delay)
  return () => millis
}

const isQuantile = (delay: NonNullable<Options["delay"]>) => Predicate.hasProperty(delay, "quantile")
