/**
 * Puts plain numbers into Effect's metric registry, read at the scrape. Sources of one series are added up, because many links
 * share a target; the series goes when its last source does.
 */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Measure } from "../Telemetry.ts"

interface Series {
  readonly sources: Set<() => number>
  readonly remove: () => void
}

// One table per metric registry, so that a test's fresh registry shares nothing.
const tables = new WeakMap<Metric.MetricRegistry, Map<string, Series>>()

/** Adds the measures to the registry of `context`; the answer takes them out again. */
export const add = (context: Context.Context<never>, measures: ReadonlyArray<Measure>): (() => void) => {
  const registry = Context.get(context, Metric.MetricRegistry)
  let table = tables.get(registry)
  if (table === undefined) tables.set(registry, (table = new Map()))
  const undo = measures.map((measure) => join(table, context, measure))
  return () => {
    for (const leave of undo) leave()
  }
}

const join = (table: Map<string, Series>, context: Context.Context<never>, measure: Measure): (() => void) => {
  const key = JSON.stringify([measure.name, Object.entries(measure.attributes).sort()])
  let series = table.get(key)
  if (series === undefined) table.set(key, (series = open(context, measure)))
  series.sources.add(measure.value)
  return () => {
    series.sources.delete(measure.value)
    if (series.sources.size > 0 || table.get(key) !== series) return
    table.delete(key)
    series.remove()
  }
}

const open = (context: Context.Context<never>, { attributes, description, name, type }: Measure): Series => {
  const sources = new Set<() => number>()
  const sum = () => {
    let total = 0
    for (const value of sources) total += value()
    return total
  }
  const ignore = () => {}
  const registration =
    type === "counter"
      ? Metric.registerUnsafe(Metric.counter(name, { attributes, description, incremental: true }), context, {
          get: () => ({ count: sum(), incremental: true }),
          update: ignore,
          modify: ignore,
        })
      : Metric.registerUnsafe(Metric.gauge(name, { attributes, description }), context, {
          get: () => ({ value: sum() }),
          update: ignore,
          modify: ignore,
        })
  return { sources, remove: () => registration.remove() }
}
