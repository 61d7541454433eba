/**
 * Judges of what was sent and what arrived, by key. The row of a send that was only seen is its beginning and its end at once.
 */
import * as Equal from "effect/Equal"
import type { Ends } from "../Check.ts"
import type { Row } from "../History.ts"

/** Successful sends of which nothing arrived. */
export const lost = (rows: ReadonlyArray<Row>, { received, sent }: Ends): ReadonlyArray<Row> => {
  const arrived = new Set(rows.filter((row) => isSeen(row, received)).map(({ key }) => key))
  return rows.filter((row) => isSeen(row, sent) && !arrived.has(row.key))
}

/** Rows of this operation beyond so many of one key at one host. */
export const tooMany = (rows: ReadonlyArray<Row>, op: string, most: number): ReadonlyArray<Row> => {
  const counts = new Map<string, number>()
  return rows.filter((row) => {
    if (!isSeen(row, op)) return false
    const name = JSON.stringify([row.host, row.key])
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    return count > most
  })
}

/** Arrivals, at one host, after something that its sender only began to send once this one had been sent. */
export const outOfOrder = (rows: ReadonlyArray<Row>, { received, sent }: Ends): ReadonlyArray<Row> => {
  const sends = sendsOf(rows, sent)
  const seen = new Set<string>()
  const latest = new Map<string, number>()
  return rows.filter((row) => {
    const send = sends.get(row.key)
    const arrival = JSON.stringify([row.host, row.key])
    // That it comes again is another judge's matter.
    if (!isSeen(row, received) || send === undefined || seen.has(arrival)) return false
    seen.add(arrival)
    const pair = JSON.stringify([row.host, send.host])
    const before = latest.get(pair) ?? -1
    latest.set(pair, Math.max(before, send.began))
    return send.done < before
  })
}

/** Arrivals that are not what was sent under this key, or that nobody sent. */
export const corrupt = (rows: ReadonlyArray<Row>, { received, sent }: Ends): ReadonlyArray<Row> => {
  const values = new Map<string, Array<Row["value"]>>()
  return rows.filter((row) => {
    if (row.op === sent && (row.kind === "invoke" || row.kind === "ok")) {
      const known = values.get(row.key)
      if (known === undefined) values.set(row.key, [row.value])
      else known.push(row.value)
    }
    return isSeen(row, received) && !(values.get(row.key)?.some((value) => Equal.equals(value, row.value)) ?? false)
  })
}

/** Goodbyes that were heard otherwise than said. 1006 is what a fault in between makes of one. */
export const misheard = (rows: ReadonlyArray<Row>, { received, sent }: Ends): ReadonlyArray<Row> => {
  const said = new Map<string, { readonly value: Row["value"]; readonly faults: number }>()
  let faults = 0
  return rows.filter((row) => {
    if (row.kind === "fault") faults++
    if (isSeen(row, sent)) said.set(row.key, { value: row.value, faults })
    if (!isSeen(row, received)) return false
    const word = said.get(row.key)
    if (word !== undefined && Equal.equals(word.value, row.value)) return false
    return !(code(row.value) === 1006 && faults > (word?.faults ?? 0))
  })
}

const isSeen = (row: Row, op: string): boolean => row.kind === "ok" && row.op === op

const code = (value: Row["value"]): unknown =>
  typeof value === "object" && value !== null && "code" in value ? value.code : value

interface Send {
  readonly host: string
  /** Its first beginning, and its success; `Infinity` when there was none, for then it may happen at any time. */
  readonly began: number
  readonly done: number
}

const sendsOf = (rows: ReadonlyArray<Row>, sent: string): ReadonlyMap<string, Send> => {
  const sends = new Map<string, Send>()
  for (const { host, index, key, kind, op } of rows) {
    if (op !== sent || (kind !== "invoke" && kind !== "ok")) continue
    const known = sends.get(key) ?? { host, began: index, done: Infinity }
    sends.set(key, kind === "ok" ? { ...known, done: Math.min(known.done, index) } : known)
  }
  return sends
}
