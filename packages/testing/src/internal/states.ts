/**
 * Judges of `state` rows: which state may follow which, how full a buffer may be, what may only grow.
 */
import type { Row } from "../History.ts"

/** Which states may follow each state. */
export type Edges = Readonly<Record<string, ReadonlyArray<string>>>

/** The states of `Link`, `Channel` and `Client`, in gRPC's words. */
export const connectivity: Edges = {
  Idle: ["Connecting", "Shutdown"],
  Connecting: ["Idle", "Ready", "TransientFailure", "Shutdown"],
  Ready: ["Idle", "Connecting", "TransientFailure", "Shutdown"],
  TransientFailure: ["Connecting", "Idle", "Shutdown"],
  Shutdown: [],
}

/** Changes along no edge. A state that is told again is no change; unless it is final. */
export const illegal = (rows: ReadonlyArray<Row>, op: string, edges: Edges): ReadonlyArray<Row> =>
  rowsAfter(rows, op).flatMap(([before, row]) => {
    const [from, to] = [before?.value, row.value]
    if (typeof to !== "string" || !(to in edges)) return [row]
    if (typeof from !== "string") return []
    const after = edges[from] ?? []
    return after.includes(to) || (from === to && after.length > 0) ? [] : [row]
  })

/** Rows of buffers that held more than this. */
export const overfull = (
  rows: ReadonlyArray<Row>,
  most: Readonly<Record<string, number | undefined>>,
): ReadonlyArray<Row> =>
  rows.filter(({ kind, op, value }) => {
    if (kind !== "state" || op !== "buffer" || typeof value !== "object" || value === null) return false
    return Object.entries(value).some(([unit, held]) => typeof held === "number" && held > (most[unit] ?? Infinity))
  })

/** Rows whose number is lower than the one before, or no number. */
export const falling = (rows: ReadonlyArray<Row>, op: string): ReadonlyArray<Row> =>
  rowsAfter(rows, op).flatMap(([before, row]) => {
    if (typeof row.value !== "number") return [row]
    return typeof before?.value === "number" && row.value < before.value ? [row] : []
  })

// Each row with the one before of the same host and key.
const rowsAfter = (rows: ReadonlyArray<Row>, op: string): ReadonlyArray<readonly [Row | undefined, Row]> => {
  const last = new Map<string, Row>()
  return rows.flatMap((row): ReadonlyArray<readonly [Row | undefined, Row]> => {
    if (row.op !== op || (row.kind !== "state" && row.kind !== "ok")) return []
    const name = JSON.stringify([row.host, row.key])
    const before = last.get(name)
    last.set(name, row)
    return [[before, row]]
  })
}
