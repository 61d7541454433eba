/**
 * A timeline as text, for a terminal.
 */
import { type Lane, legend, type Timeline } from "./timeline.ts"

/** The lanes, a line each, their times and what the signs mean; nothing when there are none. */
export const text = ({ end, lanes }: Timeline): string => {
  if (lanes.length === 0) return ""
  const label = Math.max(...lanes.map(({ name }) => name.length))
  const place = (at: number) => Math.min(width - 1, Math.floor((at / Math.max(end, 1)) * width))
  const last = duration(end)
  const signs = meanings(lanes)
  return [
    ...lanes.map((lane) => `${lane.name.padEnd(label)}  ${line(lane, place)}`),
    `${"".padEnd(label)}  0${last.padStart(width - 1)}`,
    ...(signs === "" ? [] : [`${"".padEnd(label)}  ${signs}`]),
  ].join("\n")
}

/** Virtual milliseconds, as people read them. */
export const duration = (millis: number): string =>
  millis < 1000 ? `${short(millis)} ms` : `${short(millis / 1000)} s`

const width = 72

const line = ({ marks, spans }: Lane, place: (at: number) => number): string => {
  const cells = Array.from({ length: width }, () => ".")
  for (const { from, to } of spans) cells.fill("=", place(from), place(to) + 1)
  for (const { at, sign } of marks) cells[place(at)] = sign
  // Of several marks in one place the one that matters is seen.
  for (const { at, bad } of marks) if (bad) cells[place(at)] = "#"
  return cells.join("")
}

const meanings = (lanes: ReadonlyArray<Lane>): string => {
  const found = new Set<string>()
  for (const { isFault, marks } of lanes) {
    for (const { bad, row, sign } of marks) {
      const word = bad ? "breaks a rule" : isFault ? row.op : (legend.get(sign) ?? row.op)
      found.add(`${bad ? "#" : sign} ${word}`)
    }
  }
  return [...found].join("  ")
}

const short = (value: number): string => String(Math.round(value * 100) / 100)
