/**
 * A timeline as a picture: one file that needs nothing else. Every mark says its row when it is pointed at.
 */
import { duration } from "./swimLane.ts"
import type { Lane, Mark, Timeline } from "./timeline.ts"

/** The picture. */
export const svg = ({ end, lanes }: Timeline, title: string): string => {
  const x = (at: number) => round(left + (at / Math.max(end, 1)) * (width - left - margin))
  const height = top + lanes.length * step + 24
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<style>${style}</style>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${margin}" y="20" class="title">${escape(title)}</text>`,
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((part) => tick(x(part * end), height, duration(part * end))),
    ...lanes.flatMap((lane, index) => draw(lane, top + index * step, x)),
    `</svg>`,
    "",
  ].join("\n")
}

const [width, left, margin, top, step] = [960, 170, 12, 40, 28]

const style =
  "text{font:12px ui-monospace,monospace;fill:#333}.title{font-weight:bold}.axis{stroke:#ddd}.open{fill:#cfe3f7}" +
  ".fault{fill:#f6cccc}.mark{fill:#1f5f99}.hard{fill:#b02a2a}.bad{fill:#d00;stroke:#d00;stroke-width:2}.at{fill:#888}.name{font-size:10px;fill:#b02a2a}"

const tick = (x: number, height: number, label: string): ReadonlyArray<string> => [
  `<line x1="${x}" y1="${top - 8}" x2="${x}" y2="${height - 20}" class="axis"/>`,
  `<text x="${x}" y="${height - 6}" text-anchor="${x > width - 60 ? "end" : "start"}" class="at">${label}</text>`,
]

const draw = ({ isFault, marks, name, spans }: Lane, y: number, x: (at: number) => number): ReadonlyArray<string> => [
  `<text x="${margin}" y="${y + 14}">${escape(name)}</text>`,
  ...spans.map(({ from, to }) => {
    const wide = Math.max(2, round(x(to) - x(from)))
    return `<rect x="${x(from)}" y="${y + 5}" width="${wide}" height="10" class="${isFault ? "fault" : "open"}"/>`
  }),
  ...marks.flatMap((mark) => [
    point(mark, isFault, x(mark.at), y + 10),
    ...(isFault ? [`<text x="${x(mark.at) + 6}" y="${y + 3}" class="name">${escape(mark.row.op)}</text>`] : []),
  ]),
]

const point = ({ bad, row }: Mark, isFault: boolean, x: number, y: number): string => {
  const kind = bad ? "bad" : isFault || row.op === "refuse" || row.kind === "fail" ? "hard" : "mark"
  const value = row.value === null ? "" : ` ${JSON.stringify(row.value)}`
  const words = `${duration(row.at)}: ${row.kind} ${row.op} ${row.key}${value}${bad ? " breaks a rule" : ""}`
  return `<circle cx="${x}" cy="${y}" r="${bad ? 5 : 3}" class="${kind}"><title>${escape(words)}</title></circle>`
}

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

const round = (value: number): number => Math.round(value * 10) / 10
