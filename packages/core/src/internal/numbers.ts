/**
 * Counters and gauges of one thing, as plain numbers in Effect's metric registry. A counter's series is there from when it first
 * counts.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { describe, type Name } from "./catalogue.ts"
import * as Measures from "./measures.ts"

type Labels = Readonly<Record<string, string>>

/** The numbers of one thing. */
export class Numbers {
  readonly #context: Context.Context<never>
  readonly #labels: Labels
  readonly #counts = new Map<string, { value: number }>()
  readonly #remove: Array<() => void> = []
  #removed = false

  constructor(context: Context.Context<never>, labels: Labels) {
    this.#context = context
    this.#labels = labels
  }

  gauge(name: Name, labels: Labels, value: () => number): void {
    this.#add(name, "gauge", labels, value)
  }

  /** One that is counted elsewhere. */
  counter(name: Name, labels: Labels, value: () => number): void {
    this.#add(name, "counter", labels, value)
  }

  /** Counts one more; `key` is what tells it from others of the name. */
  count(name: Name, key: string, labels: Labels): void {
    const found = this.#counts.get(name + key)
    if (found !== undefined) return void found.value++
    const count = { value: 1 }
    this.#counts.set(name + key, count)
    this.#add(name, "counter", labels, () => count.value)
  }

  /** Takes them out; what is counted later is not put in again. */
  remove(): void {
    this.#removed = true
    for (const remove of this.#remove.splice(0)) remove()
  }

  #add(name: Name, type: "counter" | "gauge", labels: Labels, value: () => number): void {
    if (this.#removed) return
    const attributes = { ...this.#labels, ...labels }
    this.#remove.push(Measures.add(this.#context, [{ name, description: describe(name), type, attributes, value }]))
  }
}

/** Numbers that are in the registry until the scope closes. */
export const make = (labels: Labels): Effect.Effect<Numbers, never, Scope.Scope> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.acquireRelease(
      Effect.sync(() => new Numbers(context, labels)),
      (numbers) => Effect.sync(() => numbers.remove()),
    ),
  )
