/**
 * The numbers of the breakers of one name. Plain fields, read when somebody scrapes.
 */
import type * as Context from "effect/Context"
import type { Change, State } from "../Breaker.ts"
import type { Measure } from "../Telemetry.ts"
import { describe, type Name } from "./catalogue.ts"
import * as Measures from "./measures.ts"

/** Counts calls by how they ended, breakers by their state, and changes. */
export class Tally {
  success = 0
  failure = 0
  ignored = 0
  slow = 0
  notPermitted = 0
  /** Calls of keys for which a map had no room. */
  unprotected = 0
  storeFailures = 0
  lastWhy: string | null = null
  readonly states: Record<State, number> = { Closed: 0, Open: 0, HalfOpen: 0, Isolated: 0 }
  readonly #name: string
  readonly #context: Context.Context<never>
  readonly #changes = new Map<string, { times: number }>()
  readonly #forget: Array<() => void> = []

  constructor(name: string, context: Context.Context<never>) {
    this.#name = name
    this.#context = context
  }

  /** Puts them into the metric registry. */
  publish(ratios: ReadonlyArray<readonly [name: Name, value: () => number]>): void {
    const calls = (outcome: string, value: () => number) =>
      this.#measure("holdfast_breaker_calls_total", "counter", { outcome }, value)
    this.#add([
      calls("success", () => this.success),
      calls("failure", () => this.failure),
      calls("ignored", () => this.ignored),
      calls("slow", () => this.slow),
      calls("not_permitted", () => this.notPermitted),
      calls("unprotected", () => this.unprotected),
      ...states.map((state) =>
        this.#measure("holdfast_breaker_state", "gauge", { state: words[state] }, () => this.states[state]),
      ),
      this.#measure("holdfast_breaker_store_failures_total", "counter", {}, () => this.storeFailures),
      ...ratios.map(([name, value]) => this.#measure(name, "gauge", {}, value)),
    ])
  }

  /** A series for each kind of change, from when it first happens. */
  moved({ from, reason, to, why }: Change): void {
    this.lastWhy = why
    this.states[from]--
    this.states[to]++
    const key = `${from} ${to} ${reason}`
    const found = this.#changes.get(key)
    if (found !== undefined) return void found.times++
    const changes = { times: 1 }
    this.#changes.set(key, changes)
    const attributes = { from: words[from], to: words[to], reason }
    this.#add([this.#measure("holdfast_breaker_transitions_total", "counter", attributes, () => changes.times)])
  }

  /** Takes them out again. */
  remove(): void {
    for (const forget of this.#forget.splice(0)) forget()
  }

  #add(measures: ReadonlyArray<Measure>): void {
    this.#forget.push(Measures.add(this.#context, measures))
  }

  #measure(
    name: Name,
    type: Measure["type"],
    attributes: Readonly<Record<string, string>>,
    value: () => number,
  ): Measure {
    return { name, description: describe(name), type, attributes: { breaker: this.#name, ...attributes }, value }
  }
}

const words: Readonly<Record<State, string>> = {
  Closed: "closed",
  Open: "open",
  HalfOpen: "half_open",
  Isolated: "isolated",
}
const states = Object.keys(words) as ReadonlyArray<State> // the keys of the record above
