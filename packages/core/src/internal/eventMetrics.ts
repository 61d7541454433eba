/**
 * The metrics that follow from events, each series made once and kept. Names and labels are those of the metrics catalogue.
 */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Event, Known } from "../Events.ts"

const seconds = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600]

/** Updates the metrics of one event in the registry of `context`; unknown kinds have none. */
export const make = (context: Context.Context<never>): ((event: Event) => void) => {
  const count = series((name, attributes) => Metric.counter(name, { attributes, incremental: true }))
  const observe = series((name, attributes) => Metric.histogram(name, { attributes, boundaries: seconds }))
  const attempt = (target: string, result: string, tookMillis: number) => {
    count("holdfast_connection_attempts_total", target, "result", result).updateUnsafe(1, context)
    observe("holdfast_connect_duration_seconds", target, "result", result).updateUnsafe(tookMillis / 1000, context)
  }
  return (event) => {
    if (!isKnown(event)) return
    switch (event._tag) {
      case "Connected":
        return attempt(event.target, "ok", event.tookMillis)
      case "Failed":
        return attempt(event.target, event.result, event.tookMillis)
      case "Lost":
        count("holdfast_disconnections_total", event.target, "reason", event.reason).updateUnsafe(1, context)
        observe("holdfast_connection_duration_seconds", event.target).updateUnsafe(event.upMillis / 1000, context)
    }
  }
}

const known: ReadonlySet<string> = new Set<Known["_tag"]>(["Connected", "Failed", "Lost"])

// The tag decides the shape: only core emits these kinds, and `EventSchema` types what it emits.
const isKnown = (event: Event): event is Known => known.has(event._tag)

const series = <M>(make: (name: string, attributes: Record<string, string>) => M) => {
  const cache = new Map<string, M>()
  return (name: string, target: string, label?: string, value?: string): M => {
    const key = `${name} ${target} ${value}`
    let found = cache.get(key)
    if (found === undefined) {
      found = make(name, label === undefined ? { target } : { target, [label]: value! })
      cache.set(key, found)
    }
    return found
  }
}
