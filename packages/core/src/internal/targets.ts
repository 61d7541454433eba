/**
 * The numbers of all links to one target, in plain fields: many links share a target, and a link must stay small.
 */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type * as Connectivity from "../Connectivity.ts"
import * as Events from "../Events.ts"
import * as Measures from "./measures.ts"

export interface Stats {
  readonly states: Record<Connectivity.State, number>
  open: number
  /** One link fewer; the series go with the last. */
  readonly leave: () => void
}

const words: Readonly<Record<Connectivity.State, string>> = {
  Idle: "idle",
  Connecting: "connecting",
  Ready: "ready",
  TransientFailure: "transient_failure",
  Shutdown: "shutdown",
}
const states = Object.keys(words) as ReadonlyArray<Connectivity.State> // the keys of the record above

// One table per metric registry, as in `measures`.
const tables = new WeakMap<Metric.MetricRegistry, Map<string, Entry>>()

interface Entry {
  readonly stats: Stats
  links: number
}

/** The numbers of the target, with one link more. */
export const enter = (context: Context.Context<never>, target: string): Stats => {
  const registry = Context.get(context, Metric.MetricRegistry)
  let table = tables.get(registry)
  if (table === undefined) tables.set(registry, (table = new Map()))
  let entry = table.get(target)
  if (entry === undefined) table.set(target, (entry = open(context, target, table)))
  entry.links++
  return entry.stats
}

const open = (context: Context.Context<never>, target: string, table: Map<string, Entry>): Entry => {
  const counts = { Idle: 0, Connecting: 0, Ready: 0, TransientFailure: 0, Shutdown: 0 }
  const forget = Context.get(context, Events.Events).track(target)
  const leave = () => {
    entry.links--
    if (entry.links > 0) return
    table.delete(target)
    remove()
    forget()
  }
  const stats: Stats = { states: counts, open: 0, leave }
  const entry: Entry = { stats, links: 0 }
  const remove = Measures.add(context, [
    { name: "holdfast_open_connections", type: "gauge", attributes: { target }, value: () => stats.open },
    ...states.map((state) => ({
      name: "holdfast_connection_state",
      type: "gauge" as const,
      attributes: { target, state: words[state] },
      value: () => counts[state],
    })),
  ])
  return entry
}
