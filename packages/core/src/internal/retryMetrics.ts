/**
 * How often calls are tried, and how long they wait in between. Made when first needed, taken out when the scope closes.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import { describe, type Name } from "./catalogue.ts"

const seconds = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const times = [1, 2, 3, 4, 5, 10]

/** Histograms in the registry of the context. */
export const make = (op: string) =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const made = new Map<Name, Metric.Histogram<number>>()
        let removed = false
        const observe = (name: Name, boundaries: ReadonlyArray<number>, value: number): void => {
          // A retry that outlives the scope must not put it in again.
          if (removed) return
          let metric = made.get(name)
          if (metric === undefined) {
            metric = Metric.histogram(name, { attributes: { op }, description: describe(name), boundaries })
            made.set(name, metric)
          }
          metric.updateUnsafe(value, context)
        }
        return {
          attempts: (count: number): undefined => void observe("holdfast_retry_attempts", times, count),
          delay: (millis: number): void => observe("holdfast_retry_delay_seconds", seconds, millis / 1000),
          remove: () => {
            removed = true
            made.forEach((metric) => Metric.removeUnsafe(metric, context))
          },
        }
      }),
      ({ remove }) => Effect.sync(remove),
    ),
  ) satisfies Effect.Effect<unknown, never, Scope.Scope>
