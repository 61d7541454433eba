/**
 * Judges of whether things get done, in time, and end.
 */
import type { Row } from "../History.ts"
import { type Attempt, attempts } from "./attempts.ts"

/**
 * What shows that it did not recover: attempts of before the limit that end after it, later ones that do not succeed in that time, and
 * links that are not well at the limit. Without a heal there is nothing to recover from.
 */
export const unrecovered = (rows: ReadonlyArray<Row>, within: number): ReadonlyArray<Row> => {
  const heal = rows.findLast((row) => row.kind === "fault" && row.op === "heal")
  if (heal === undefined) return []
  const limit = heal.at + within
  const late = attempts(rows).filter(({ begin, end }) => {
    const due = Math.max(limit, begin.at + within)
    if (end === undefined || end.at > due) return (end?.at ?? Infinity) > heal.at
    return begin.at > limit && end.kind !== "ok"
  })
  const links = new Map<string, Row>()
  for (const row of rows) {
    if (row.kind === "state" && row.op === "link" && row.at <= limit) {
      links.set(JSON.stringify([row.host, row.key]), row)
    }
  }
  const down = [...links.values()].filter(({ value }) => value !== "Ready" && value !== "Idle" && value !== "Shutdown")
  return [...late.map(({ begin }) => begin), ...down].sort((one, other) => one.index - other.index)
}

/** Fibers that were left when everything had ended, and connections that neither end has closed. */
export const left = (rows: ReadonlyArray<Row>): ReadonlyArray<Row> => {
  const { closed, open } = connections(rows)
  return [
    ...open.filter(({ key }) => !closed.has(key)),
    ...rows.filter((row) => row.kind === "state" && row.op === "left"),
  ]
}

/** Ends of connections that are open, though the other end closed this long before the history ended. */
export const deserted = (rows: ReadonlyArray<Row>, patience: number): ReadonlyArray<Row> => {
  const { closed, open } = connections(rows)
  const limit = (rows.at(-1)?.at ?? 0) - patience
  return open.filter(({ key }) => (closed.get(key) ?? Infinity) < limit)
}

const connections = (rows: ReadonlyArray<Row>) => {
  const open = new Map<string, Row>()
  const closed = new Map<string, number>()
  for (const row of rows) {
    if (row.kind !== "net") continue
    const end = JSON.stringify([row.host, row.key])
    if (row.op === "connect") open.set(end, row)
    if (row.op !== "close") continue
    open.delete(end)
    closed.set(row.key, row.at)
  }
  return { open: [...open.values()], closed }
}

/** Attempts that took longer than allowed, if more than the allowed part of them did. */
export const slow = (
  rows: ReadonlyArray<Row>,
  { op, part, within }: { readonly op: string; readonly part: number; readonly within: number },
): ReadonlyArray<Row> => {
  const took = ({ begin, end }: Attempt) => (end?.kind === "ok" ? end.at - begin.at : Infinity)
  const all = attempts(rows).filter(({ begin }) => begin.op === op)
  const late = all.filter((attempt) => took(attempt) > within)
  return late.length > all.length * (1 - part) + 1e-9 ? late.map(({ begin }) => begin) : []
}

/** Attempts that began while another of the same operation and key was going on, at whatever host. */
export const doubled = (rows: ReadonlyArray<Row>, op: string): ReadonlyArray<Row> => {
  const until = new Map<string, number>()
  return attempts(rows).flatMap(({ begin, end }) => {
    if (begin.op !== op) return []
    const busy = until.get(begin.key) ?? -1
    until.set(begin.key, Math.max(busy, end?.index ?? Infinity))
    return begin.index < busy ? [begin] : []
  })
}
