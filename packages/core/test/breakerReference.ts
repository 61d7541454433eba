/**
 * What a breaker is, written for reading: it keeps everything that happened since the last change, and looks through all of it for
 * every answer.
 */
import type { Breaker } from "@holdfast/core"

/** What it is told about the rules, as `Breaker`'s own plan, but with times per opening. */
export interface Rules {
  readonly rules: ReadonlyArray<Breaker.Rule>
  readonly probes: number
  readonly successRatio: number
  readonly probeTimeout: number
  readonly openFor: ReadonlyArray<number>
}

interface Outcome {
  readonly at: number
  readonly bad: boolean
  readonly took: number
}

interface Probe {
  readonly started: number
  outcome?: "good" | "bad" | "ignored"
}

const hour = 3_600_000

/** The reference. */
export class Reference {
  readonly #rules: Rules
  base: "Closed" | "Open" | "HalfOpen" = "Closed"
  holds = 0
  openUntil = 0
  #openings = 0
  #lastOpenFor = 0
  #closedSince = 0
  #outcomes: Array<Outcome> = []
  #probes: Array<Probe> = []
  /** Every change it would tell. */
  readonly changes: Array<string> = []

  constructor(rules: Rules) {
    this.#rules = rules
  }

  get state(): Breaker.State {
    return this.holds > 0 ? "Isolated" : this.base
  }

  get out(): ReadonlyArray<Probe> {
    return this.#probes.filter(({ outcome }) => outcome === undefined)
  }

  get isFull(): boolean {
    return this.#probes.filter(({ outcome }) => outcome !== "ignored").length >= this.#rules.probes
  }

  /** The end of a call that was made while closed, if nothing changed since. */
  ended(at: number, bad: boolean, took: number, hint: number): void {
    this.#outcomes.push({ at, bad, took })
    for (const rule of this.#rules.rules) {
      if (this.#says(rule, at)) return this.#open(at, hint)
    }
  }

  #says(rule: Breaker.Rule, now: number): boolean {
    const last = this.#outcomes.at(-1)!
    if (rule._tag === "Consecutive")
      return this.#outcomes.length - 1 - this.#outcomes.findLastIndex(({ bad }) => !bad) >= rule.failures
    const isBad = ({ bad, took }: Outcome) => (rule._tag === "SlowCalls" ? took > rule.slowerThan : bad)
    if (!isBad(last)) return false
    const bucket = (at: number) => Math.floor((at * 10) / (rule._tag === "CountWindow" ? 1 : rule.window))
    const seen =
      rule._tag === "CountWindow"
        ? this.#outcomes.slice(-rule.size)
        : this.#outcomes.filter(({ at }) => bucket(at) > bucket(now) - 10)
    return seen.length >= rule.minimum && seen.filter(isBad).length / seen.length >= rule.ratio
  }

  /** Whether a call may be a probe now; time that passed unseen is made up for. */
  take(now: number): Probe | undefined {
    this.overdue(now)
    if (this.holds > 0) return undefined
    if (this.base === "Open" && now >= this.openUntil) this.#move("HalfOpen")
    if (this.base !== "HalfOpen" || this.isFull) return undefined
    const probe = { started: now }
    this.#probes.push(probe)
    return probe
  }

  decide(probe: Probe | undefined, now: number, outcome: "good" | "bad" | "ignored", hint: number): void {
    this.overdue(now)
    if (probe === undefined || probe.outcome !== undefined || !this.#probes.includes(probe)) return
    probe.outcome = outcome
    this.#verdict(now, hint)
  }

  /** Probes that did not come back failed in the moment their time was over. */
  overdue(now: number): void {
    const late = this.out.find(({ started }) => started + this.#rules.probeTimeout <= now)
    if (late === undefined) return
    late.outcome = "bad"
    this.#verdict(late.started + this.#rules.probeTimeout, 0)
    this.overdue(now)
  }

  #verdict(at: number, hint: number): void {
    const count = (what: string) => this.#probes.filter(({ outcome }) => outcome === what).length
    const wanted = Math.ceil(this.#rules.successRatio * this.#rules.probes)
    if (count("good") >= wanted) {
      this.#closedSince = at
      this.#move("Closed")
    } else if (this.#rules.probes - count("bad") < wanted) this.#open(at, hint)
  }

  hold(now: number): void {
    if (this.holds === 0) {
      const from = this.state
      if (this.base === "HalfOpen") {
        this.base = "Open"
        this.openUntil = now
      }
      this.#forget()
      this.changes.push(`${from} Isolated`)
    }
    this.holds++
  }

  release(): void {
    if (--this.holds === 0) {
      this.#forget()
      this.changes.push(`Isolated ${this.base}`)
    }
  }

  forceOpen(now: number): void {
    if (this.base !== "Open") this.#open(now, 0)
  }

  probe(now: number): void {
    if (this.base !== "Open") return
    this.openUntil = now
    if (this.holds === 0) this.#move("HalfOpen")
  }

  reset(now: number): void {
    this.#openings = this.#lastOpenFor = 0
    if (this.base === "Closed") return this.#forget()
    this.#closedSince = now
    this.#move("Closed")
  }

  #open(at: number, hint: number): void {
    if (this.base === "Closed" && at - this.#closedSince >= this.#lastOpenFor) this.#openings = 0
    this.#openings++
    const { openFor } = this.#rules
    const delay = openFor[Math.min(this.#openings, openFor.length) - 1]!
    this.#lastOpenFor = Math.max(delay, Math.min(hint, hour))
    this.openUntil = at + this.#lastOpenFor
    this.#move("Open")
  }

  #move(to: Reference["base"]): void {
    if (this.holds === 0) this.changes.push(`${this.base} ${to}`)
    this.base = to
    this.#forget()
  }

  #forget(): void {
    this.#outcomes = []
    this.#probes = []
  }
}
