/**
 * The simpler plans next to a plan. Every step makes it smaller in one way and larger in none that comes before, so shrinking ends:
 * fewer faults, shorter, weaker, earlier and at rounder times, then a simpler seed.
 */
import type * as Fault from "../Fault.ts"
import type { Entry, FaultPlan } from "../FaultPlan.ts"
import * as Readable from "./readable.ts"

/** In the order to try them. */
export const shrink = (plan: FaultPlan): ReadonlyArray<FaultPlan> => {
  const { faults, healAt } = plan
  const replaced = (next: (entry: Entry) => ReadonlyArray<Entry>) =>
    faults.flatMap((entry, index) => next(entry).map((simpler) => ({ ...plan, faults: faults.with(index, simpler) })))
  return [
    ...fewer(faults).map((faults) => ({ ...plan, faults })),
    ...replaced((entry) => shorter(entry, healAt)),
    ...replaced((entry) => weaker(entry.fault).map((fault) => ({ ...entry, fault }))),
    ...replaced(earlier),
    ...together(faults).map((faults) => ({ ...plan, faults })),
    ...merged(faults).map((faults) => ({ ...plan, faults })),
    ...sooner(plan).map((healAt) => ({ ...plan, healAt })),
    ...[0, Math.floor(plan.seed / 2), plan.seed - 1].filter(below(plan.seed)).map((seed) => ({ ...plan, seed })),
  ]
}

// None at all, one half, the other, then each alone.
const fewer = (faults: ReadonlyArray<Entry>): ReadonlyArray<ReadonlyArray<Entry>> => {
  if (faults.length === 0) return []
  const half = Math.ceil(faults.length / 2)
  const halves = faults.length > 2 ? [faults.slice(0, half), faults.slice(half)] : []
  const singles = faults.length > 1 ? faults.map((_, index) => faults.toSpliced(index, 1)) : []
  return [[], ...halves, ...singles]
}

const shorter = (entry: Entry, healAt: Fault.Time): ReadonlyArray<Entry> => {
  const length = Readable.millis(entry.for ?? healAt)
  return [0, round(length / 4), round(length / 2), round(length - 100)]
    .filter(below(length))
    .map((millis) => ({ ...entry, for: Readable.time(millis) }))
}

const earlier = (entry: Entry): ReadonlyArray<Entry> => {
  const [event, count] = entry.at.split(":")
  if (count !== undefined) {
    const n = Number(count)
    const before = [1, Math.ceil(n / 2), n - 1].filter((one) => one >= 1 && one < n)
    const start: Entry = { ...entry, at: "0ms" }
    return [start, ...before.map((one): Entry => ({ ...entry, at: `${event as "connect" | "message"}:${one}` }))]
  }
  const at = Readable.millis(entry.at)
  return [0, round(at / 2), Math.floor(at / 1000) * 1000, Math.floor(at / 100) * 100, round(at - 100)]
    .filter(below(at))
    .map((millis) => ({ ...entry, at: Readable.time(millis) }))
}

// All that come at a time by as much: some must be so far apart.
const together = (faults: ReadonlyArray<Entry>): ReadonlyArray<ReadonlyArray<Entry>> => {
  const timed = faults.filter(({ at }) => !at.includes(":"))
  if (timed.length < 2) return []
  const first = Math.min(...timed.map(({ at }) => Readable.millis(at)))
  const moved = (entry: Entry, by: number): Entry =>
    timed.includes(entry) ? { ...entry, at: Readable.time(Readable.millis(entry.at) - by) } : entry
  return [0, round(first / 2), round(first - 100)]
    .filter(below(first))
    .map((start) => faults.map((entry) => moved(entry, first - start)))
}

// Two of the same become one that lasts from the first to the end of the second.
const merged = (faults: ReadonlyArray<Entry>): ReadonlyArray<ReadonlyArray<Entry>> =>
  faults.flatMap((one, index) =>
    faults.slice(index + 1).flatMap((other, skipped) => {
      if (one.on !== other.on || JSON.stringify(one.fault) !== JSON.stringify(other.fault)) return []
      if (one.at.includes(":") || other.at.includes(":") || one.for === undefined || other.for === undefined) return []
      const [from, to] = [Readable.millis(one.at), Readable.millis(other.at)]
      const end = Math.max(from + Readable.millis(one.for), to + Readable.millis(other.for))
      const start = Math.min(from, to)
      const both = { ...one, at: Readable.time(start), for: Readable.time(end - start) }
      return [faults.with(index, both).toSpliced(index + 1 + skipped, 1)]
    }),
  )

// As soon as the last fault is over, as far as that can be told.
const sooner = ({ faults, healAt }: FaultPlan): ReadonlyArray<Fault.Time> => {
  const now = Readable.millis(healAt)
  const ends = faults.map(({ at, for: time }) => {
    const start = at.includes(":") ? 0 : Readable.millis(at)
    return time === undefined ? Math.max(start, now - 100) : start + Readable.millis(time)
  })
  const end = Math.max(0, ...ends)
  return [end, Math.max(end, round(now / 2))].filter(below(now)).map(Readable.time)
}

// Optional keys go first: with its defaults a fault is easier to read. Then another kind does, one that everybody understands.
const weaker = (fault: Fault.Fault): ReadonlyArray<Fault.Fault> => {
  const { _tag, ...keys } = fault
  const plain = Object.keys(keys)
    .filter((key) => !needed.has(`${_tag}.${key}`))
    .map((key) => Object.fromEntries(Object.entries(fault).filter(([name]) => name !== key)) as unknown as Fault.Fault) // without a key that is optional it is still one
  return [...(simpler[_tag] ?? []), ...plain, ...smaller(fault)]
}

const smaller = (fault: Fault.Fault): ReadonlyArray<Fault.Fault> => {
  if (fault._tag === "latency") {
    const delay = Readable.millis(fault.delay)
    return [100, round(delay / 2)].filter(below(delay)).map((millis) => ({ ...fault, delay: Readable.time(millis) }))
  }
  if (fault._tag === "cutAt" && fault.frame !== undefined) {
    const { frame } = fault
    return [1, Math.floor(frame / 2), frame - 1]
      .filter((one) => one >= 1 && one < frame)
      .map((one) => ({ ...fault, frame: one }))
  }
  if (fault._tag === "lostAck") {
    const { nth } = fault
    return [1, Math.floor(nth / 2), nth - 1]
      .filter((one) => one >= 1 && one < nth)
      .map((one) => ({ ...fault, nth: one }))
  }
  return []
}

const needed: ReadonlySet<string> = new Set([
  "latency.delay",
  "bandwidth.bytesPerSec",
  "slice.avg",
  "slowAccept.delay",
  "slowClose.delay",
  "lostAck.nth",
  "timeoutClose.after",
  "cutAt.bytes",
  "cutAt.frame",
  "serverError.status",
  "addressChange.to",
  "clockJump.by",
  "clockSkew.rate",
])

const reset: Fault.Fault = { _tag: "reset" }
const late: Fault.Fault = { _tag: "latency", delay: "100ms" }
/** The kinds of which there is a simpler one; never in a circle. */
const simpler: { readonly [K in Fault.Kind]?: ReadonlyArray<Fault.Fault> } = {
  bandwidth: [late],
  slice: [late],
  slowClose: [late],
  pause: [{ _tag: "partition", hold: true }, late],
  stall: [late],
  memoryPressure: [late],
  lostAck: [reset],
  timeoutClose: [reset],
  closeClean: [reset],
  cutAt: [reset],
  serverError: [reset],
  crash: [reset, { _tag: "refuse" }],
  partition: [reset],
  blackhole: [reset],
}

const round = (millis: number): number => Math.round(millis / 100) * 100
const below =
  (limit: number) =>
  (value: number, index: number, all: ReadonlyArray<number>): boolean =>
    value >= 0 && value < limit && all.indexOf(value) === index
