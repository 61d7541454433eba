/**
 * The metrics that follow from events, each series made once and kept until its target goes.
 */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Event, Hub, Known } from "../Events.ts"
import { describe, type Name } from "./catalogue.ts"

const seconds = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600, 1800, 3600]

/** Metrics in the registry of `context`; unknown kinds of event have none. */
export const make = (context: Context.Context<never>) => {
  const targets = new Map<string, Target>()
  const at = (name: string): Target => {
    let target = targets.get(name)
    if (target === undefined) targets.set(name, (target = new Target(name, context)))
    return target
  }
  return {
    measure: (event: Event): void => {
      if (isKnown(event)) update(at(event.target), event)
    },
    track: ((name) => {
      const target = at(name)
      target.owners++
      return () => {
        target.owners--
        if (target.owners > 0 || targets.get(name) !== target) return
        targets.delete(name)
        target.remove()
      }
    }) satisfies Hub["track"],
  }
}

const update = (to: Target, event: Known): void => {
  switch (event._tag) {
    case "Connected":
      to.count("holdfast_connection_attempts_total", "result", "ok")
      to.observe("holdfast_connect_duration_seconds", event.tookMillis, "result", "ok")
      to.set("holdfast_next_attempt_timestamp_seconds", 0)
      if (event.downMillis === null) return
      to.count("holdfast_reconnects_total")
      return to.observe("holdfast_downtime_seconds", event.downMillis)
    case "Failed":
      to.count("holdfast_connection_attempts_total", "result", event.result)
      to.observe("holdfast_connect_duration_seconds", event.tookMillis, "result", event.result)
      if (event.retryInMillis === null) return to.set("holdfast_next_attempt_timestamp_seconds", 0)
      to.set("holdfast_next_attempt_timestamp_seconds", (event.at + event.retryInMillis) / 1000)
      return to.observe("holdfast_backoff_delay_seconds", event.retryInMillis)
    case "Lost":
      to.count("holdfast_disconnections_total", "reason", event.reason)
      return to.observe("holdfast_connection_duration_seconds", event.upMillis)
  }
}

/** The series of one target. */
class Target {
  owners = 0
  readonly #name: string
  readonly #context: Context.Context<never>
  readonly #gauges = new Map<string, Metric.Gauge<number>>()
  readonly #counters = new Map<string, Metric.Counter<number>>()
  readonly #histograms = new Map<string, Metric.Histogram<number>>()

  constructor(name: string, context: Context.Context<never>) {
    this.#name = name
    this.#context = context
  }

  count(name: Name, label?: string, value = ""): void {
    const key = name + value
    let metric = this.#counters.get(key)
    if (metric === undefined) {
      metric = Metric.counter(name, { ...this.#series(name, label, value), incremental: true })
      this.#counters.set(key, metric)
    }
    metric.updateUnsafe(1, this.#context)
  }

  observe(name: Name, millis: number, label?: string, value = ""): void {
    const key = name + value
    let metric = this.#histograms.get(key)
    if (metric === undefined) {
      metric = Metric.histogram(name, { ...this.#series(name, label, value), boundaries: seconds })
      this.#histograms.set(key, metric)
    }
    metric.updateUnsafe(millis / 1000, this.#context)
  }

  set(name: Name, value: number): void {
    let metric = this.#gauges.get(name)
    if (metric === undefined) {
      metric = Metric.gauge(name, this.#series(name, undefined, ""))
      this.#gauges.set(name, metric)
    }
    metric.updateUnsafe(value, this.#context)
  }

  remove(): void {
    for (const metric of this.#gauges.values()) Metric.removeUnsafe(metric, this.#context)
    for (const metric of this.#counters.values()) Metric.removeUnsafe(metric, this.#context)
    for (const metric of this.#histograms.values()) Metric.removeUnsafe(metric, this.#context)
  }

  #series(name: Name, label: string | undefined, value: string) {
    const target = this.#name
    return { description: describe(name), attributes: label === undefined ? { target } : { target, [label]: value } }
  }
}

const known: ReadonlySet<string> = new Set<Known["_tag"]>(["Connected", "Failed", "Lost"])

// The tag decides the shape: only core emits these kinds, and `EventSchema` types what it emits.
const isKnown = (event: Event): event is Known => known.has(event._tag)
