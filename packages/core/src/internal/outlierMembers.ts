/**
 * The members of a watched set. Plain code; the sweep comes from outside.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Random from "effect/Random"
import type * as EventSchema from "../EventSchema.ts"
import * as Events from "../Events.ts"
import type { Options, Outlier } from "../Outlier.ts"
import * as Checked from "./checked.ts"
import * as Monotonic from "./monotonic.ts"
import { Numbers } from "./numbers.ts"
import * as Rates from "./outlierRates.ts"

/** What tells a bad member. A plain value. */
export type Detector = { readonly enforcing: number } & (
  | { readonly _tag: "Consecutive"; readonly failures: number }
  | { readonly _tag: "SuccessRate"; readonly factor: number; readonly hosts: number; readonly requests: number }
  | { readonly _tag: "FailurePercentage"; readonly percent: number; readonly hosts: number; readonly requests: number }
)

type Method = typeof EventSchema.OutlierMethod.Type

interface Member {
  readonly name: string
  ok: number
  failed: number
  inARow: number
  /** Of the interval before, when the counts began anew. */
  last: Rates.Volume
  /** Ejections, less one for each interval in use. */
  times: number
  ejectedUntil: number | undefined
  admittedAt: number
}

/** A set that is watched. */
export class Members<K> implements Outlier<K> {
  readonly interval: number
  readonly #name: string
  readonly #program: string
  readonly #keyName: (key: K) => string
  readonly #detectors: ReadonlyArray<Detector>
  readonly #ejectFor: number
  readonly #maxEjectFor: number
  readonly #jitter: number
  readonly #maxEjected: number
  readonly #panicBelow: number
  readonly #slowStart: number
  readonly #maxMembers: number
  readonly #members = new Map<K, Member>()
  #ejected = 0
  readonly #clock: Clock.Clock
  readonly #random: Random.Random
  readonly #events: Events.Hub
  readonly #numbers: Numbers

  constructor(options: Options<K>, context: Context.Context<never>) {
    const { keyName = String, maxEjected = 10, maxMembers = 10_000, name, panicBelow = 50, program = "app" } = options
    this.#name = Checked.name("name", name)
    this.#program = program
    this.#keyName = keyName
    const detectors = options.detectors ?? [{ _tag: "Consecutive", failures: 5, enforcing: 100 }]
    this.#detectors = Checked.list("detectors", detectors).map(check)
    this.interval = Checked.time("interval", options.interval ?? "10 seconds")
    this.#ejectFor = Checked.time("ejectFor", options.ejectFor ?? "30 seconds")
    this.#maxEjectFor = Checked.time("maxEjectFor", options.maxEjectFor ?? "5 minutes")
    this.#jitter = Checked.timeOrNone("jitter", options.jitter ?? 0)
    this.#maxEjected = Checked.within("maxEjected", maxEjected, 0, 100)
    this.#panicBelow = Checked.within("panicBelow", panicBelow, 0, 100)
    this.#slowStart = Checked.timeOrNone("slowStart", options.slowStart ?? 0)
    this.#maxMembers = Checked.whole("maxMembers", maxMembers, 1)
    this.#clock = Context.get(context, Clock.Clock)
    this.#random = Context.get(context, Random.Random)
    this.#events = Context.get(context, Events.Events)
    this.#numbers = new Numbers(context, { target: name })
    this.#numbers.gauge("holdfast_endpoints", { health: "healthy" }, () => this.#members.size - this.#ejected)
    this.#numbers.gauge("holdfast_endpoints", { health: "ejected" }, () => this.#ejected)
  }

  readonly add = (key: K): void => void this.#find(key)

  readonly report = (key: K, ok: boolean): void => {
    const member = this.#find(key)
    if (member === undefined) return
    if (ok) {
      member.ok++
      member.inARow = 0
      return
    }
    member.failed++
    member.inARow++
    for (const detector of this.#detectors) {
      if (detector._tag !== "Consecutive" || member.inARow < detector.failures) continue
      this.#found(member, detector, "consecutive", `${member.inARow} failures in a row`)
      member.inARow = 0
    }
  }

  readonly allows = (key: K): boolean =>
    this.#members.get(key)?.ejectedUntil === undefined ||
    (this.#members.size - this.#ejected) * 100 < this.#panicBelow * this.#members.size

  readonly weight = (key: K): number => {
    if (!this.allows(key)) return 0
    const member = this.#members.get(key)
    if (this.#slowStart === 0 || member === undefined || member.ejectedUntil !== undefined) return 1
    return Math.min(1, Math.max(0.1, (this.#now() - member.admittedAt) / this.#slowStart))
  }

  readonly admit = (key: K): void => {
    const member = this.#members.get(key)
    if (member?.ejectedUntil !== undefined) this.#admit(member, "it is healthy")
  }

  readonly forget = (key: K): void => {
    if (this.#members.get(key)?.ejectedUntil !== undefined) this.#ejected--
    this.#members.delete(key)
  }

  /** Looks at the interval that is over, then at who may come back. */
  sweep(): void {
    const members = Array.from(this.#members.values())
    for (const member of members) {
      member.last = { ok: member.ok, failed: member.failed }
      member.ok = member.failed = 0
    }
    for (const detector of this.#detectors) this.#compare(members, detector)
    const now = this.#now()
    for (const member of members) {
      if (member.ejectedUntil === undefined) member.times = Math.max(0, member.times - 1)
      else if (now >= member.ejectedUntil) this.#admit(member, "its time is over")
    }
  }

  leave(): void {
    this.#numbers.remove()
  }

  #compare(members: ReadonlyArray<Member>, detector: Detector): void {
    const volumes = members.map(({ last }) => last)
    if (detector._tag === "SuccessRate") {
      const least = Rates.leastSuccessRate(volumes, detector)
      if (least === undefined) return
      for (const member of members) {
        const rate = Rates.successRate(member.last)
        if (Rates.total(member.last) < detector.requests || rate >= least) continue
        this.#found(
          member,
          detector,
          "success_rate",
          `${percent(rate)} succeeded, the others do better than ${percent(least)}`,
        )
      }
    } else if (detector._tag === "FailurePercentage" && Rates.enough(volumes, detector)) {
      for (const member of members) {
        const { last } = member
        if (Rates.total(last) < detector.requests || last.failed * 100 < detector.percent * Rates.total(last)) continue
        this.#found(member, detector, "failure_percentage", `${percent(1 - Rates.successRate(last))} failed`)
      }
    }
  }

  #found(member: Member, { enforcing }: Detector, method: Method, why: string): void {
    if (member.ejectedUntil !== undefined) return
    if (this.#ejected * 100 >= this.#maxEjected * this.#members.size) return this.#count(method, "max_ejected")
    if (this.#random.nextDoubleUnsafe() * 100 >= enforcing) return this.#count(method, "enforcing")
    member.times++
    const jitter = this.#jitter === 0 ? 0 : this.#jitter * this.#random.nextDoubleUnsafe()
    const forMillis = Rates.ejectionTime(member.times, this.#ejectFor, this.#maxEjectFor) + jitter
    member.ejectedUntil = this.#now() + forMillis
    this.#ejected++
    this.#count(method, "none")
    this.#emit({ _tag: "Ejected", ...this.#about(), member: member.name, method, why, forMillis })
  }

  #admit(member: Member, why: string): void {
    member.ejectedUntil = undefined
    member.admittedAt = this.#now()
    member.inARow = 0
    this.#ejected--
    this.#emit({ _tag: "Admitted", ...this.#about(), member: member.name, why })
  }

  #find(key: K): Member | undefined {
    let member = this.#members.get(key)
    if (member === undefined && this.#members.size < this.#maxMembers) {
      const [name, last] = [this.#keyName(key), { ok: 0, failed: 0 }]
      member = { name, ok: 0, failed: 0, inARow: 0, last, times: 0, ejectedUntil: undefined, admittedAt: -Infinity }
      this.#members.set(key, member)
    }
    return member
  }

  /** `reason` is why it was only counted. */
  #count(method: Method, reason: "none" | "max_ejected" | "enforcing"): void {
    const enforced = String(reason === "none")
    this.#numbers.count("holdfast_outlier_ejections_total", `${method} ${reason}`, { method, enforced, reason })
  }

  #now(): number {
    return Monotonic.millis(this.#clock)
  }

  #about() {
    return { at: this.#clock.currentTimeMillisUnsafe(), program: this.#program, target: this.#name }
  }

  #emit(event: Events.Known): void {
    this.#events.emit(event)
  }
}

const tags: ReadonlySet<unknown> = new Set<Detector["_tag"]>(["Consecutive", "SuccessRate", "FailurePercentage"])

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

const check = (detector: Detector, index: number): Detector => {
  const field = `detectors[${index}]`
  if (!tags.has(detector?._tag)) throw new RangeError(`${field} must be a detector, as \`Outlier.consecutive(5)\` is`)
  Checked.within(`${field}.enforcing`, detector.enforcing, 0, 100)
  if (detector._tag === "Consecutive") {
    Checked.whole(`${field}.n`, detector.failures, 1)
    return detector
  }
  Checked.whole(`${field}.hosts`, detector.hosts, 1)
  Checked.whole(`${field}.requests`, detector.requests, 1)
  if (detector._tag === "SuccessRate") Checked.within(`${field}.factor`, detector.factor, 0, 1000)
  else Checked.within(`${field}.percent`, detector.percent, 1, 100)
  return detector
}
