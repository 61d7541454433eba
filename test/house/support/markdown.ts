/**
 * As much Markdown as the rules need: links, headings and tables outside code. Not a renderer.
 */

/** A line of prose and the number it has in the file. */
export interface Line {
  readonly text: string
  readonly line: number
}

/** The lines outside code fences. */
const prose = (text: string): ReadonlyArray<Line> => {
  let fence: string | undefined
  return text.split("\n").flatMap((text, index) => {
    const mark = /^\s*(```+|~~~+)/.exec(text)?.[1]
    if (fence === undefined && mark === undefined) return [{ text, line: index + 1 }]
    if (fence === undefined) fence = mark
    else if (mark?.startsWith(fence) === true) fence = undefined
    return []
  })
}

/** A link or an image, by its target. */
export interface Link {
  readonly target: string
  readonly line: number
}

/** Inline links, images, `href`s and link definitions. */
export const links = (text: string): ReadonlyArray<Link> =>
  prose(text).flatMap(({ line, text }) => {
    const plain = text.replace(/`[^`]*`/g, "``")
    const found = [
      ...plain.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g),
      ...plain.matchAll(/^\s*\[[^\]]+\]:\s*<?([^\s>]+)/g),
      ...plain.matchAll(/\b(?:href|src)="([^"]+)"/g),
    ]
    return found.map((match) => ({ target: match[1]!, line }))
  })

/** A table row by column title, titles in lower case. */
export interface Row {
  readonly cells: Readonly<Record<string, string>>
  readonly line: number
  /** The headings the row stands under, outermost first. */
  readonly headings: ReadonlyArray<string>
}

const cellsOf = (text: string): ReadonlyArray<string> =>
  text
    .trim()
    .replace(/^\||\|$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll("\\|", "|"))

const isRule = (text: string): boolean => /^\s*\|?\s*:?-{2,}/.test(text) && /^[\s|:-]+$/.test(text)

/** Every row of every table. */
export const rows = (text: string): ReadonlyArray<Row> => {
  const all = prose(text)
  const found: Array<Row> = []
  let headings: ReadonlyArray<string> = []
  let titles: ReadonlyArray<string> | undefined
  for (const [index, { line, text }] of all.entries()) {
    const heading = /^(#+)\s+(.*)$/.exec(text)
    if (heading !== null) headings = [...headings.slice(0, heading[1]!.length - 1), heading[2]!]
    if (isRule(text)) titles = cellsOf(all[index - 1]?.text ?? "").map((title) => title.toLowerCase())
    else if (!text.includes("|")) titles = undefined
    else if (titles !== undefined) {
      const cells = cellsOf(text)
      found.push({ cells: Object.fromEntries(titles.map((title, at) => [title, cells[at] ?? ""])), line, headings })
    }
  }
  return found
}
