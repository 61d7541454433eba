/**
 * What a scrape would show of breakers, in a registry of a test's own.
 */
import { Effect, Metric } from "effect"

/** Every number of a breaker that is not 0. */
export const numbers = Effect.map(Metric.snapshot, (all) =>
  Object.fromEntries(
    all.flatMap(({ attributes, id, state }) => {
      const { breaker: _, ...rest } = attributes ?? {}
      const value = Number("count" in state ? state.count : "value" in state ? state.value : Number.NaN)
      return value === 0 ? [] : [[[id.replace("holdfast_breaker_", ""), ...Object.values(rest)].join(" "), value]]
    }),
  ),
)

/** Nobody else's metrics. */
export const fresh = Effect.provideServiceEffect(
  Metric.MetricRegistry,
  Effect.sync(() => new Map()),
)
