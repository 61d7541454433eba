/**
 * When a breaker opens: rules as plain values, and what each remembers about the calls of one breaker.
 */
import * as Duration from "effect/Duration"
import * as Checked from "./checked.ts"
import { buckets, Recent } from "./recent.ts"

/** When to open. A plain value; times are in milliseconds. */
export type Rule =
  | { readonly _tag: "Consecutive"; readonly failures: number }
  | { readonly _tag: "CountWindow"; readonly ratio: number; readonly size: number; readonly minimum: number }
  | { readonly _tag: "TimeWindow"; readonly ratio: number; readonly window: number; readonly minimum: number }
  | {
      readonly _tag: "SlowCalls"
      readonly ratio: number
      readonly window: number
      readonly minimum: number
      readonly slowerThan: number
    }

/** What a rule remembers. */
export interface Memory {
  /** Notes a call; the answer is why to open, if it is time to. */
  readonly note: (bad: boolean, now: number) => string | undefined
  readonly clear: () => void
  /** The share of bad calls it sees now; 0 for rules that see none. */
  readonly ratio: (now: number) => number
  /** As JSON, and back; `false` if this is not what such a rule remembers. */
  readonly save: (now: number) => ReadonlyArray<number>
  readonly load: (saved: ReadonlyArray<number>, now: number) => boolean
}

/** The memory that a rule needs for one breaker. */
export const remember = (rule: Rule): Memory => {
  switch (rule._tag) {
    case "Consecutive":
      return new Streak(rule.failures)
    case "CountWindow":
      return new LastCalls(rule)
    default:
      return new LastWhile(rule)
  }
}

/** Refuses rules that cannot work. */
export const check = (rule: Rule, index: number): Rule => {
  const field = `rules[${index}]`
  if (!tags.has(rule?._tag)) throw new RangeError(`${field} must be a rule, as \`Breaker.consecutive(5)\` is`)
  if (rule._tag === "Consecutive") Checked.whole(`${field}.n`, rule.failures, 1)
  else {
    Checked.share(`${field}.ratio`, rule.ratio)
    Checked.whole(`${field}.minimum`, rule.minimum, 1)
    if (rule._tag === "CountWindow") {
      Checked.within(`${field}.size`, Checked.whole(`${field}.size`, rule.size, 1), rule.minimum, mostCalls)
    } else Checked.within(`${field}.window`, rule.window, buckets, Number.MAX_SAFE_INTEGER)
    if (rule._tag === "SlowCalls") Checked.within(`${field}.slowerThan`, rule.slowerThan, 1, Number.MAX_SAFE_INTEGER)
  }
  return rule
}

const mostCalls = 100_000
const tags: ReadonlySet<unknown> = new Set<Rule["_tag"]>(["Consecutive", "CountWindow", "TimeWindow", "SlowCalls"])

/** Failures in a row. */
class Streak implements Memory {
  readonly #most: number
  #length = 0

  constructor(most: number) {
    this.#most = most
  }

  note(bad: boolean): string | undefined {
    if (!bad) this.#length = 0
    else if (++this.#length >= this.#most) return `${this.#length} failures in a row`
    return undefined
  }

  clear(): void {
    this.#length = 0
  }

  ratio(): number {
    return 0
  }

  save(): ReadonlyArray<number> {
    return [this.#length]
  }

  load([length, ...rest]: ReadonlyArray<number>): boolean {
    if (!isCount(length) || length >= this.#most || rest.length > 0) return false
    this.#length = length
    return true
  }
}

/** The last so many calls, a byte each, made when the first comes. */
class LastCalls implements Memory {
  readonly #rule: Extract<Rule, { readonly _tag: "CountWindow" }>
  #ring: Uint8Array | undefined
  #calls = 0
  #bad = 0
  #at = 0

  constructor(rule: Extract<Rule, { readonly _tag: "CountWindow" }>) {
    this.#rule = rule
  }

  note(bad: boolean): string | undefined {
    const { minimum, ratio, size } = this.#rule
    this.#ring ??= new Uint8Array(size)
    if (this.#calls === size) this.#bad -= this.#ring[this.#at]!
    else this.#calls++
    this.#ring[this.#at] = bad ? 1 : 0
    this.#at = this.#at + 1 === size ? 0 : this.#at + 1
    if (!bad) return undefined
    this.#bad++
    return this.#calls >= minimum && this.#bad >= ratio * this.#calls
      ? `${this.#bad} of the last ${this.#calls} calls failed`
      : undefined
  }

  clear(): void {
    this.#ring = undefined
    this.#calls = this.#bad = this.#at = 0
  }

  ratio(): number {
    return this.#calls === 0 ? 0 : this.#bad / this.#calls
  }

  /** Oldest first. */
  save(): ReadonlyArray<number> {
    const start = this.#calls < this.#rule.size ? 0 : this.#at
    return Array.from({ length: this.#calls }, (_, index) => this.#ring![(start + index) % this.#rule.size]!)
  }

  load(saved: ReadonlyArray<number>): boolean {
    if (saved.length > this.#rule.size || saved.some((bad) => bad !== 0 && bad !== 1)) return false
    this.clear()
    for (const bad of saved) this.note(bad === 1)
    return true
  }
}

/** The calls of the last while. */
class LastWhile implements Memory {
  readonly #rule: Exclude<Rule, { readonly _tag: "Consecutive" | "CountWindow" }>
  /** Calls, and bad ones. */
  readonly #recent: Recent

  constructor(rule: Exclude<Rule, { readonly _tag: "Consecutive" | "CountWindow" }>) {
    this.#rule = rule
    this.#recent = new Recent(rule.window)
  }

  note(isBad: boolean, now: number): string | undefined {
    this.#recent.add(now, 1, isBad ? 1 : 0)
    if (!isBad) return undefined
    const { first: calls, second: bad } = this.#recent
    const { _tag, minimum, ratio, window } = this.#rule
    if (calls < minimum || bad < ratio * calls) return undefined
    const what = _tag === "SlowCalls" ? `took longer than ${inWords(this.#rule.slowerThan)}` : "failed"
    return `${bad} of ${calls} calls within ${inWords(window)} ${what}`
  }

  clear(): void {
    this.#recent.clear()
  }

  ratio(now: number): number {
    this.#recent.look(now)
    return this.#recent.first === 0 ? 0 : this.#recent.second / this.#recent.first
  }

  save(now: number): ReadonlyArray<number> {
    return this.#recent.save(now)
  }

  load(saved: ReadonlyArray<number>, now: number): boolean {
    return this.#recent.load(saved, now)
  }
}

const inWords = (millis: number): string => Duration.format(Duration.millis(millis))

const isCount = (value: number | undefined): value is number => Number.isSafeInteger(value) && value! >= 0
