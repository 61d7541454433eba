/**
 * The numbers of the breakers of one name. Plain fields, read when somebody scrapes.
 */
import type * as Context from "effect/Context"
import type { Change, State } from "../Breaker.ts"
import type { Name } from "./catalogue.ts"
import { Numbers } from "./numbers.ts"

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
  readonly #numbers: Numbers

  constructor(breaker: string, context: Context.Context<never>) {
    this.#numbers = new Numbers(context, { breaker })
  }

  /** Puts them into the metric registry. */
  publish(ratios: ReadonlyArray<readonly [name: Name, value: () => number]>): void {
    const calls = (outcome: string, value: () => number) =>
      this.#numbers.counter("holdfast_breaker_calls_total", { outcome }, value)
    calls("success", () => this.success)
    calls("failure", () => this.failure)
    calls("ignored", () => this.ignored)
    calls("slow", () => this.slow)
    calls("not_permitted", () => this.notPermitted)
    calls("unprotected", () => this.unprotected)
    this.#numbers.counter("holdfast_breaker_store_failures_total", {}, () => this.storeFailures)
    for (const [state, word] of Object.entries(words) as ReadonlyArray<[State, string]>)
      // the entries of the record below
      this.#numbers.gauge("holdfast_breaker_state", { state: word }, () => this.states[state])
    for (const [name, value] of ratios) this.#numbers.gauge(name, {}, value)
  }

  moved({ from, reason, to, why }: Change): void {
    this.lastWhy = why
    this.states[from]--
    this.states[to]++
    const labels = { from: words[from], to: words[to], reason }
    this.#numbers.count("holdfast_breaker_transitions_total", `${from} ${to} ${reason}`, labels)
  }

  /** Takes them out again. */
  remove(): void {
    this.#numbers.remove()
  }
}

const words: Readonly<Record<State, string>> = {
  Closed: "closed",
  Open: "open",
  HalfOpen: "half_open",
  Isolated: "isolated",
}
