/**
 * Whether reads and writes of registers could have happened one at a time, each at some moment between its beginning and its end
 * (Wing and Gong, with Lowe's memory of what was tried). For small histories: the search is exponential in what overlaps.
 */
import * as Equal from "effect/Equal"
import type { Row } from "../History.ts"
import { type Attempt, attempts } from "./attempts.ts"

/** The read or write from which on no order explains the history, for each register that has one. */
export const impossible = (
  rows: ReadonlyArray<Row>,
  { initial, read, write }: { readonly initial: Row["value"]; readonly read: string; readonly write: string },
): ReadonlyArray<Row> => {
  const registers = new Map<string, Array<Attempt>>()
  for (const attempt of attempts(rows)) {
    const { key, op } = attempt.begin
    // A read without an answer says nothing, and what failed has not happened.
    const counts = op === write ? attempt.end?.kind !== "fail" : op === read && attempt.end?.kind === "ok"
    if (counts) registers.set(key, [...(registers.get(key) ?? []), attempt])
  }
  return [...registers.values()].flatMap((all) => {
    // The shortest beginning of the history that cannot be: its last answer is the one to look at.
    const ends = all.flatMap(({ end }) => (end?.kind === "ok" ? [end] : [])).sort((a, b) => a.index - b.index)
    const bad = ends.findIndex((end) => !explained(until(all, end.index), read, initial))
    return bad < 0 ? [] : [ends[bad]!]
  })
}

const until = (all: ReadonlyArray<Attempt>, index: number): ReadonlyArray<Attempt> =>
  all
    .filter(({ begin }) => begin.index < index)
    .map(({ begin, end }) => ({ begin, end: end !== undefined && end.index <= index ? end : undefined }))

const explained = (history: ReadonlyArray<Attempt>, read: string, initial: Row["value"]): boolean => {
  // A read that has not ended yet may still see anything.
  const all = history.filter(({ begin, end }) => begin.op !== read || end !== undefined)
  const tried = new Set<string>()
  const deadline = ({ end }: Attempt) => (end?.kind === "ok" ? end.index : Infinity)
  const search = (done: ReadonlySet<number>, value: Row["value"]): boolean => {
    const left = all.flatMap((attempt, place) => (done.has(place) ? [] : [{ attempt, place }]))
    // What never ended for certain need not have happened.
    if (left.every(({ attempt }) => deadline(attempt) === Infinity)) return true
    const state = JSON.stringify([[...done].sort((a, b) => a - b), value])
    if (tried.has(state)) return false
    if (tried.size >= most) throw new RangeError(`linearizable: more than ${most} states; let fewer attempts overlap`)
    tried.add(state)
    const first = Math.min(...left.map(({ attempt }) => deadline(attempt)))
    return left.some(({ attempt, place }) => {
      const { begin, end } = attempt
      if (begin.index > first) return false
      if (begin.op === read && !Equal.equals(end?.value, value)) return false
      return search(new Set([...done, place]), begin.op === read ? value : begin.value)
    })
  }
  return search(new Set(), initial)
}

const most = 20_000
