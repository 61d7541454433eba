/**
 * The numbers of all links to one target, in Effect's metric registry. Elsewhere than in browsers: see `noLinkMeasures`.
 */
import type * as Context from "effect/Context"
import type * as Connectivity from "../Connectivity.ts"
import type { Measure } from "../Telemetry.ts"
import { describe, type Name } from "./catalogue.ts"
import * as Measures from "./measures.ts"

/** What is counted. */
export interface Counted {
  readonly name: string
  readonly open: number
  readonly states: Readonly<Record<Connectivity.State, number>>
}

/** Registers them; the answer takes them out again. */
export const measure = (context: Context.Context<never>, target: Counted): (() => void) =>
  Measures.add(context, [
    gauge("holdfast_open_connections", { target: target.name }, () => target.open),
    ...states.map((state) =>
      gauge("holdfast_connection_state", { target: target.name, state: words[state] }, () => target.states[state]),
    ),
  ])

const gauge = (name: Name, attributes: Record<string, string>, value: () => number): Measure => ({
  name,
  description: describe(name),
  type: "gauge",
  attributes,
  value,
})

const words: Readonly<Record<Connectivity.State, string>> = {
  Idle: "idle",
  Connecting: "connecting",
  Ready: "ready",
  TransientFailure: "transient_failure",
  Shutdown: "shutdown",
}
const states = Object.keys(words) as ReadonlyArray<Connectivity.State> // the keys of the record above
