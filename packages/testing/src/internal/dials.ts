/**
 * Judges of dialling, by the network's rows.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type { Row } from "../History.ts"

/**
 * Dials that began while another of the same host to the same target was going on. One that was given up is told a moment later, so an
 * end in the same instant is early enough.
 */
export const atOnce = (rows: ReadonlyArray<Row>): ReadonlyArray<Row> => {
  // By host and target, and by host and connection: the other end tells the same connection as another host.
  const going = new Map<string, Set<string>>()
  const pairs = new Map<string, string>()
  const double = new Map<Row, Set<string>>()
  for (const row of rows) {
    if (row.kind !== "net") continue
    const end = JSON.stringify([row.host, row.key])
    if (row.op === "dial") {
      const pair = JSON.stringify([row.host, target(row)])
      const others = going.get(pair) ?? new Set()
      if (others.size > 0) double.set(row, new Set(others))
      going.set(pair, others.add(row.key))
      pairs.set(end, pair)
    } else if (pairs.has(end)) {
      going.get(pairs.get(end)!)?.delete(row.key)
      for (const [dial, others] of double) {
        if (dial.at === row.at && others.delete(row.key) && others.size === 0) double.delete(dial)
      }
    }
  }
  return [...double.keys()]
}

/** Dials that were more than `most` in some window of this length, over all hosts. */
export const herd = (rows: ReadonlyArray<Row>, most: number, window: number): ReadonlyArray<Row> => {
  const dials = rows.filter(isDial)
  return dials.filter((row, index) => {
    const first = dials[index - most]
    return first !== undefined && row.at - first.at < window
  })
}

/**
 * Dials that came sooner after the last one than the schedule allows when it draws its shortest delays. A connection that lived for
 * `stable` starts the schedule anew, and the dial after it may come at once.
 */
export const hasty = (
  rows: ReadonlyArray<Row>,
  schedule: Schedule.Schedule<unknown>,
  stable: number,
): ReadonlyArray<Row> => {
  const dialers = new Map<string, Dialer>()
  const byConnection = new Map<string, Dialer>()
  return rows.filter((row) => {
    if (row.kind !== "net") return false
    if (row.op === "dial") {
      const pair = JSON.stringify([row.host, target(row)])
      const dialer = dialers.get(pair) ?? { host: row.host, next: delays(schedule), due: 0, openedAt: undefined }
      dialers.set(pair, dialer)
      byConnection.set(row.key, dialer)
      // Times are sums of fractions.
      const early = row.at < dialer.due - 0.001
      dialer.due = row.at + dialer.next(row.at)
      return early
    }
    const dialer = byConnection.get(row.key)
    if (dialer === undefined || dialer.host !== row.host) return false
    if (row.op === "connect") dialer.openedAt = row.at
    if (row.op === "close" && dialer.openedAt !== undefined) {
      if (row.at - dialer.openedAt >= stable) Object.assign(dialer, { next: delays(schedule), due: 0 })
      dialer.openedAt = undefined
    }
    return false
  })
}

interface Dialer {
  readonly host: string
  next: (now: number) => number
  due: number
  openedAt: number | undefined
}

const isDial = (row: Row): boolean => row.kind === "net" && row.op === "dial"

const target = ({ value }: Row): unknown =>
  typeof value === "object" && value !== null && "to" in value ? value.to : undefined

/** The delays of a schedule, one after the other; `Infinity` when there is no further attempt. */
const delays = (schedule: Schedule.Schedule<unknown>): ((now: number) => number) => {
  const step = Effect.runSync(Schedule.toStep(schedule))
  return (now) =>
    Effect.runSync(
      step(now, undefined).pipe(
        Effect.map(([, delay]) => Duration.toMillis(delay)),
        Effect.catchCause(() => Effect.succeed(Infinity)),
        Effect.provideService(Random.Random, shortest),
      ),
    )
}

const shortest: typeof Random.Random.Service = {
  nextDoubleUnsafe: () => 0,
  nextIntUnsafe: () => Number.MIN_SAFE_INTEGER,
}
