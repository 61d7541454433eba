/**
 * The states of one breaker, as plain code: it has no fiber and no timer, and looks at the clock only when somebody calls. There may
 * be one for each of ten thousand keys, so what is rarely needed is made when needed.
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Change, Reason, Snapshot, State } from "../Breaker.ts"
import { Broadcast } from "./broadcast.ts"
import { BreakerError, Isolated, Open } from "./breakerError.ts"
import type { Group } from "./breakerGroup.ts"
import { type Memory, remember } from "./breakerRule.ts"
import * as Checked from "./checked.ts"
import { Waiters } from "./waiters.ts"

/** Leave to make one of the calls that decide whether to close. */
export interface Ticket {
  readonly started: number
  /** It counts no more: it was given back, or the verdict came without it. */
  over: boolean
}

// Longer hints are cut: who says "come back next year" by mistake is asked again within the hour.
const longestHint = 3_600_000

const none: ReadonlyArray<never> = []

/** One for all calls that are refused within a millisecond: there may be very many, and it says the same to all. */
export interface Refusal {
  readonly machine: Machine
  readonly generation: number
  readonly at: number
  readonly error: BreakerError
  /** As an Effect and as a promise answers it. */
  exit: Exit.Exit<never, BreakerError> | undefined
  promise: Promise<never> | undefined
}

/** What a call says about what is called, and when it said that it is worth another. */
export interface Verdict {
  readonly bad: boolean
  readonly hint: number
}

/** It is well. */
export const good: Verdict = { bad: false, hint: 0 }

/** A closed breaker that has not been called. */
export class Machine {
  readonly group: Group
  readonly #key: unknown
  /** Counts changes of state: what a call that began before the last one comes to is of no interest. */
  generation = 0
  /** Under whatever holds it. */
  base: Exclude<State, "Isolated"> = "Closed"
  openUntil = 0
  /** Openings in a row; forgotten after it was closed as long as it was last open. */
  openings = 0
  readonly memories: ReadonlyArray<Memory>
  /** Another success would change nothing: all rules count failures in a row, and there are none. */
  #calm = false
  /** Nobody is told of it any more. */
  left = false
  #lastOpenFor = 0
  #closedAt = 0
  #holds: ReadonlyArray<{ readonly why: string }> = none
  /** Of the probes: those under way, and how the others went. */
  #out: ReadonlyArray<Ticket> = none
  #good = 0
  #bad = 0
  #waiting = 0
  #waiters: Waiters | undefined
  #history: ReadonlyArray<Change> = none
  #broadcast: Broadcast<State> | undefined

  /** `key` tells it from others of its group. */
  constructor(key: unknown, group: Group) {
    this.#key = key
    this.group = group
    this.memories = group.plan.rules.map(remember)
    group.entered(this)
  }

  /** In events and messages. Made when asked for: there may be very many of them. */
  get name(): string {
    return this.group.nameOf(this.#key)
  }

  get state(): State {
    return this.#holds.length > 0 ? "Isolated" : this.base
  }

  get isClosed(): boolean {
    return this.base === "Closed" && this.#holds.length === 0
  }

  history(): ReadonlyArray<Change> {
    return this.#history
  }

  subscribe() {
    this.#broadcast ??= new Broadcast()
    return this.#broadcast.subscribe(
      () => this.state,
      () => this.left,
    )
  }

  /** Nobody asks any more. */
  leave(): void {
    this.#broadcast?.end()
    this.group.left(this)
    this.generation++
    this.left = true
  }

  /** `settle` for a call that went well, which is what nearly all do. */
  succeeded(generation: number, started: number): undefined {
    if (this.#calm) this.group.tally.success++
    else this.settle(generation, good, started)
  }

  /** How a call went that was made while closed, and when it began if that matters. */
  settle(generation: number, { bad, hint }: Verdict, started: number): void {
    const { plan, tally } = this.group
    if (bad) tally.failure++
    else tally.success++
    const now = plan.timed ? this.group.now() : 0
    const took = plan.measured ? now - started : 0
    if (took > plan.slowerThan) tally.slow++
    if (generation !== this.generation) return
    this.#calm = !bad && plan.streaks
    for (let i = 0; i < plan.rules.length; i++) {
      const rule = plan.rules[i]!
      const why = this.memories[i]!.note(rule._tag === "SlowCalls" ? took > rule.slowerThan : bad, now)
      if (why !== undefined) return this.#open(this.group.now(), reasons[rule._tag], why, hint)
    }
  }

  /** Why a call is not made now; `undefined` when it may be, or may wait. */
  refuse(): Refusal | undefined {
    if (this.#holds.length === 0 && this.base === "Closed") return undefined
    const now = this.group.now()
    if (this.#holds.length === 0) {
      this.#overdue(now)
      if (this.base === "Open" ? now >= this.openUntil : !this.isFull() || this.#mayWait()) return undefined
    }
    this.group.tally.notPermitted++
    const { generation } = this
    const last = this.group.refusal
    if (last?.machine === this && last.at === now && last.generation === generation) return last
    const error = new BreakerError(this.#why(now))
    return (this.group.refusal = { machine: this, generation, at: now, error, exit: undefined, promise: undefined })
  }

  /** A place among the probes, if there is one. */
  take(): Ticket | undefined {
    if (this.#holds.length > 0) return undefined
    const now = this.group.now()
    this.#overdue(now)
    if (this.base === "Open" && now >= this.openUntil) this.#move("HalfOpen", "elapsed", "its time is over")
    if (this.base !== "HalfOpen" || this.isFull()) return undefined
    const ticket: Ticket = { started: now, over: false }
    this.#out = [...this.#out, ticket]
    return ticket
  }

  /**
   * A probe is over; `judge` says how it went, `undefined` if that says nothing about what is called. The place is free before `judge`
   * is asked, because it may throw.
   */
  decide(ticket: Ticket, judge: () => Verdict | undefined): void {
    const { plan, tally } = this.group
    const now = this.group.now()
    const slow = now - ticket.started > plan.slowerThan
    this.#overdue(now)
    const counts = this.#giveBack(ticket)
    if (counts) this.#waiters?.look()
    const verdict = judge()
    if (verdict === undefined) return void tally.ignored++
    if (slow) tally.slow++
    if (verdict.bad) tally.failure++
    else tally.success++
    if (!counts) return
    if (verdict.bad || slow) {
      this.#probeFailed(now, verdict.bad ? "a probe failed" : "a probe was slow", "probe_failed", verdict.hint)
    } else if (++this.#good >= plan.enough) this.#close("probe_succeeded", "the probes succeeded")
  }

  /** Whether the next call is a probe, as far as is known here. */
  isDue(): boolean {
    if (this.#holds.length > 0) return false
    return this.base === "Open" ? this.group.now() >= this.openUntil : this.base === "HalfOpen" && !this.isFull()
  }

  /** Half open, with as many probes made as may be. */
  isFull(): boolean {
    return this.#out.length + this.#good + this.#bad >= this.group.plan.probes
  }

  /** For who waits: until there is a verdict or a place, and when the next probe will have taken too long. */
  waiting(): { readonly decided: Effect.Effect<void>; readonly atMost: number } {
    const { generation } = this
    this.#waiters ??= new Waiters()
    this.#waiting++
    return {
      decided: this.#waiters.until(() => this.generation !== generation || !this.isFull()),
      atMost: Math.max(0, this.#nextDeadline() - this.group.now()),
    }
  }

  /** Of one who waited. */
  waited(): void {
    this.#waiting--
  }

  /** Holds it open; the answer lets go. */
  hold(why: string): () => void {
    const hold = { why }
    const from = this.state
    this.#holds = [...this.#holds, hold]
    if (from !== "Isolated") {
      // Nobody waits for the verdict of probes any more: who comes first after all this probes anew.
      this.base = this.base === "Closed" ? "Closed" : "Open"
      this.#changed(from, "isolated", why)
    }
    return () => {
      if (!this.#holds.includes(hold)) return
      this.#holds = this.#holds.filter((one) => one !== hold)
      this.generation++
      if (this.#holds.length === 0) this.#changed("Isolated", "released", `no longer held (${why})`)
    }
  }

  /** As if a rule had said so. */
  forceOpen(why: string): void {
    if (this.base !== "Open") this.#open(this.group.now(), "forced", why, 0)
  }

  /** As if the time were over. */
  probe(): void {
    if (this.base !== "Open") return
    this.openUntil = this.group.now()
    if (this.#holds.length === 0) this.#move("HalfOpen", "probe", "asked to probe")
  }

  reset(): void {
    this.openings = 0
    if (this.base !== "Closed") return this.#close("reset", "reset")
    this.generation++
    for (const memory of this.memories) memory.clear()
  }

  /** What it knows, without holds. */
  snapshot(): Snapshot {
    const [now, wall, { probeTimeout }] = [this.group.now(), this.group.wall(), this.group.plan]
    return {
      state: this.base,
      openUntil: this.base === "Closed" ? null : wall + (this.base === "Open" ? this.openUntil - now : probeTimeout),
      openings: this.openings,
      openForMillis: this.#lastOpenFor,
      windows: this.memories.map((memory) => memory.save(now)),
    }
  }

  /** Goes on from there; who was half open probes at once. Throws for what no such breaker can have known. */
  restore({ windows, ...from }: Snapshot): void {
    if (!Array.isArray(windows) || windows.length !== this.memories.length)
      throw new RangeError(`restore.windows must have one entry for each of ${this.memories.length} rules`)
    windows.forEach((window, index) => {
      if (!this.memories[index]!.load(window, this.group.now()))
        throw new RangeError(`restore.windows[${index}] is not what such a rule remembers`)
    })
    if (from.state === "HalfOpen") this.adopt({ ...from, openUntil: null }, "restored")
    else this.adopt(from, "restored")
  }

  /**
   * What another one of the same name has come to. Half open there is open here, for as long as its probes may take. Throws for what
   * it cannot have come to, and then nothing has changed.
   */
  adopt(from: Omit<Snapshot, "windows">, why: string): void {
    const { openForMillis, openings, openUntil, state } = sensible(from)
    const now = this.group.now()
    this.openings = openings
    this.#lastOpenFor = openForMillis
    this.#closedAt = now
    if (state === "Closed") return this.base === "Closed" ? undefined : this.#move("Closed", "shared", why)
    // Never longer than it can be: their clock may be wrong.
    const most = state === "Open" ? openForMillis : this.group.plan.probeTimeout
    this.openUntil = now + Math.max(0, Math.min((openUntil ?? 0) - this.group.wall(), most))
    if (this.base !== "Open") this.#move("Open", "shared", why)
  }

  #open(now: number, reason: Reason, why: string, hint: number): void {
    if (this.base === "Closed" && now - this.#closedAt >= this.#lastOpenFor) this.openings = 0
    this.openings++
    this.#lastOpenFor = Math.max(this.group.plan.openFor(this.openings), Math.min(hint, longestHint))
    this.openUntil = now + this.#lastOpenFor
    this.#move("Open", reason, why)
  }

  #close(reason: Reason, why: string): void {
    this.#closedAt = this.group.now()
    this.#move("Closed", reason, why)
  }

  #move(to: Exclude<State, "Isolated">, reason: Reason, why: string): void {
    const from = this.state
    this.base = to
    // Nothing has begun since it was isolated, and nobody sees what is under that.
    if (from !== "Isolated") this.#changed(from, reason, why)
  }

  #changed(from: State, reason: Reason, why: string): void {
    this.generation++
    for (const ticket of this.#out) ticket.over = true
    this.#out = none
    this.#good = this.#bad = 0
    for (const memory of this.memories) memory.clear()
    this.#calm = this.group.plan.streaks
    const change: Change = { at: this.group.wall(), from, to: this.state, reason, why }
    this.#history = [...this.#history.slice(1 - this.group.remembered), change]
    this.#broadcast?.send(change.to)
    this.#waiters?.look()
    // Last, because who hears of it may change it again.
    this.group.changed(this, change)
  }

  /** A probe that does not come back has failed when its time was over, whenever that is noticed. */
  #overdue(now: number): void {
    const deadline = this.#nextDeadline()
    if (deadline > now) return
    this.#giveBack(this.#out[0]!)
    this.#probeFailed(deadline, "a probe did not come back", "probe_timeout", 0)
    this.#overdue(now)
  }

  #probeFailed(at: number, why: string, reason: Reason, hint: number): void {
    const { enough, probes } = this.group.plan
    if (++this.#bad > probes - enough) this.#open(at, reason, why, hint)
    else this.#waiters?.look()
  }

  /** `false` if it counts no more. */
  #giveBack(ticket: Ticket): boolean {
    if (ticket.over) return false
    ticket.over = true
    this.#out = this.#out.filter((one) => one !== ticket)
    return true
  }

  #nextDeadline(): number {
    return this.#out.length === 0 ? Infinity : this.#out[0]!.started + this.group.plan.probeTimeout
  }

  #mayWait(): boolean {
    return this.group.plan.waits && this.#waiting < this.group.plan.maxWaiting
  }

  #why(now: number): Open | Isolated {
    const [hold] = this.#holds
    if (hold !== undefined) return new Isolated(this.name, hold.why, this.group.plan.openFor(1))
    const until = this.base === "Open" ? this.openUntil : this.#nextDeadline()
    return new Open(this.name, until - now)
  }
}

/** Throws for what no breaker can have known. */
const sensible = <S extends Omit<Snapshot, "windows">>(from: S): S => {
  if (from.state !== "Closed" && from.state !== "Open" && from.state !== "HalfOpen")
    throw new RangeError(`restore.state must be "Closed", "Open" or "HalfOpen", got ${String(from.state)}`)
  Checked.whole("restore.openings", from.openings, 0)
  Checked.within("restore.openForMillis", from.openForMillis, 0, Number.MAX_SAFE_INTEGER)
  if (from.openUntil !== null && !Number.isFinite(from.openUntil))
    throw new RangeError(`restore.openUntil must be null or a finite time, got ${String(from.openUntil)}`)
  return from
}

const reasons = {
  Consecutive: "consecutive",
  CountWindow: "count_window",
  TimeWindow: "time_window",
  SlowCalls: "slow_calls",
} as const
