/**
 * The metrics of one health check, made when a result first occurs and taken out when its polling ends.
 */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import { describe } from "./catalogue.ts"

/** How one check went. */
export type Result = "ok" | "failed" | "timeout"

const seconds = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Metrics in the registry of `context`. */
export const make = (context: Context.Context<never>, target: string) => {
  const series = (result: Result) => {
    const attributes = { target, result, kind: "active" }
    return {
      count: Metric.counter("holdfast_health_check_total", {
        attributes,
        description: describe("holdfast_health_check_total"),
        incremental: true,
      }),
      duration: Metric.histogram("holdfast_health_check_duration_seconds", {
        attributes,
        description: describe("holdfast_health_check_duration_seconds"),
        boundaries: seconds,
      }),
    }
  }
  const made = new Map<Result, ReturnType<typeof series>>()
  return {
    checked: (result: Result, millis: number): void => {
      let found = made.get(result)
      if (found === undefined) made.set(result, (found = series(result)))
      found.count.updateUnsafe(1, context)
      found.duration.updateUnsafe(millis / 1000, context)
    },
    remove: (): void => {
      for (const { count, duration } of made.values()) {
        Metric.removeUnsafe(count, context)
        Metric.removeUnsafe(duration, context)
      }
    },
  }
}
