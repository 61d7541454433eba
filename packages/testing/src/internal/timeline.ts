/**
 * A history as lanes over time: one for each target of faults, then one for each host. What is drawn where; not how.
 */
import type { Row } from "../History.ts"
import { attempts } from "./attempts.ts"

/** A moment of a lane. */
export interface Mark {
  readonly at: number
  /** One letter. */
  readonly sign: string
  readonly row: Row
  /** Whether a check objects to it. */
  readonly bad: boolean
}

/** A time of a lane: a connection that was open, or a fault that lasted. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** What happened at one place. */
export interface Lane {
  readonly name: string
  readonly isFault: boolean
  readonly marks: ReadonlyArray<Mark>
  readonly spans: ReadonlyArray<Span>
}

/** All lanes until `end`. */
export interface Timeline {
  readonly end: number
  readonly lanes: ReadonlyArray<Lane>
}

/** The lanes of a history. */
export const make = (rows: ReadonlyArray<Row>, end: number, broken: ReadonlySet<Row>): Timeline => {
  const lanes = new Map<string, Array<Row>>()
  const faults = new Map<string, Array<Row>>()
  const put = (map: Map<string, Array<Row>>, name: string, row: Row) => {
    const lane = map.get(name)
    if (lane === undefined) map.set(name, [row])
    else lane.push(row)
  }
  for (const row of rows) {
    if (row.kind !== "fault") put(lanes, row.host === "" ? "program" : row.host, row)
    else if (row.op !== "heal") put(faults, row.key === "" ? "everything" : row.key, row)
  }
  const ends = new Set(attempts(rows).map(({ end }) => end))
  const heal = rows.find(({ kind, op }) => kind === "fault" && op === "heal")?.at ?? end
  const lane =
    (isFault: boolean, until: number) =>
    ([name, own]: readonly [string, ReadonlyArray<Row>]): Lane => ({
      name: isFault ? `fault ${name}` : name,
      isFault,
      marks: own
        .filter(isDrawn)
        .map((row) => ({ at: row.at, sign: sign(row, ends.has(row)), row, bad: broken.has(row) })),
      spans: spans(own, isFault ? begins : opens, until),
    })
  return { end, lanes: [...[...faults].map(lane(true, heal)), ...[...lanes].map(lane(false, end))] }
}

/** What the signs mean, apart from those of faults, which are the first letter of their kind. */
export const legend: ReadonlyMap<string, string> = new Map([
  [">", "begins"],
  ["+", "succeeds"],
  ["-", "fails"],
  ["?", "maybe"],
  ["<", "seen"],
  ["o", "connects"],
  ["x", "closes"],
  ["!", "refused"],
  ["s", "state"],
])

/** One letter for a row. */
const sign = ({ kind, op }: Row, isEnd: boolean): string => {
  if (kind === "ok" && !isEnd) return "<"
  if (kind === "fault") return op.charAt(0).toUpperCase()
  if (kind === "net") return { connect: "o", close: "x", refuse: "!" }[op] ?? "d"
  return { invoke: ">", ok: "+", fail: "-", info: "?", state: "s" }[kind]
}

// A dial shows by how it ends, and the end of a fault by that of its span.
const isDrawn = ({ kind, op }: Row): boolean =>
  !(kind === "net" && op === "dial") && !(kind === "fault" && op === "end")

/** Whether a row begins or ends a span, and of what. */
type Edge = (row: Row) => { readonly begins: boolean; readonly of: string } | undefined

const opens: Edge = ({ key, kind, op }) =>
  kind === "net" && (op === "connect" || op === "close") ? { begins: op === "connect", of: key } : undefined

const begins: Edge = ({ op, value }) => ({ begins: op !== "end", of: JSON.stringify(value) })

const spans = (rows: ReadonlyArray<Row>, edge: Edge, until: number): ReadonlyArray<Span> => {
  const open = new Map<string, number>()
  const found: Array<Span> = []
  for (const row of rows) {
    const side = edge(row)
    if (side === undefined) continue
    const from = open.get(side.of)
    if (side.begins) open.set(side.of, from ?? row.at)
    else if (from !== undefined) {
      found.push({ from, to: row.at })
      open.delete(side.of)
    }
  }
  return [...found, ...[...open.values()].map((from) => ({ from, to: Math.max(from, until) }))]
}
