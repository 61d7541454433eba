/**
 * A default that a document prints is the default of the code. Documents print them in tables with the columns `flag` (or
 * `option`) and `default`; the heading above a table names the program where flags of several programs differ.
 */
import { type Row, rows } from "../support/markdown.ts"
import type { Tree } from "../support/tree.ts"

/** The flags of one program with their defaults, as the command line would show them; `undefined` is "no default". */
export type Defaults = Readonly<Record<string, string | undefined>>

interface Printed {
  readonly path: string
  readonly line: number
  readonly program: string | undefined
  readonly flag: string
  readonly text: string
}

const documents = (tree: Tree): ReadonlyArray<string> =>
  tree.paths.filter((path) => path === "packages/cli/README.md" || (path.startsWith("docs/") && path.endsWith(".md")))

// A remark in brackets may follow a default.
const plain = (cell: string): string =>
  cell
    .replaceAll("`", "")
    .replace(/\s*\([^)]*\)$/, "")
    .trim()

const split = (cell: string): ReadonlyArray<string> => cell.split(/,\s+/).map(plain)

const wordsOf = (heading: string): string =>
  ` ${heading
    .toLowerCase()
    .split(/[^a-z-]+/)
    .join(" ")} `

// The innermost heading that names a program; a longer name wins over one it contains.
const programOf = (row: Row, programs: ReadonlyArray<string>): string | undefined => {
  const longest = [...programs].sort((a, b) => b.length - a.length)
  const named = row.headings.map((heading) => longest.find((program) => wordsOf(heading).includes(` ${program} `)))
  return named.findLast((program) => program !== undefined)
}

// One row may hold several flags with as many defaults, in the same order.
const printed = (tree: Tree, path: string, programs: ReadonlyArray<string>): ReadonlyArray<Printed> =>
  rows(tree.read(path)).flatMap((row) => {
    const names = row.cells["flag"] ?? row.cells["option"]
    const values = row.cells["default"]
    if (names === undefined || values === undefined) return []
    const flags = split(names).map((flag) => flag.replace(/[ =].*$/, ""))
    // Options of Layers have tables too; only flags start with dashes.
    if (!flags.every((flag) => flag.startsWith("--"))) return []
    const texts = split(values)
    const program = programOf(row, programs)
    return flags.map((flag, at) => ({
      path,
      line: row.line,
      program,
      flag,
      text: (flags.length === 1 ? plain(values) : texts[at]) ?? "",
    }))
  })

const isNone = (text: string): boolean => /^(|-|–|none|required)$/.test(text)

const compare = ({ flag, line, path, program, text }: Printed, code: Readonly<Record<string, Defaults>>) => {
  const owners = Object.entries(code).filter(
    ([name, flags]) => flag in flags && (program === undefined || name === program),
  )
  if (owners.length === 0) return [`${path}:${line}: prints ${flag}, which ${program ?? "no program"} does not have`]
  return owners.flatMap(([name, flags]) => {
    const real = flags[flag]
    if (real === undefined ? isNone(text) : real === text) return []
    return [`${path}:${line}: prints ${flag} ${text}; ${name} uses ${real ?? "no default"}`]
  })
}

/** Defaults that documents print wrongly, flags that do not exist and flags that no table shows. */
export const wrongDefaults = (tree: Tree, code: Readonly<Record<string, Defaults>>): ReadonlyArray<string> => {
  const programs = Object.keys(code)
  const all = documents(tree).flatMap((path) => printed(tree, path, programs))
  const missing = programs.flatMap((program) =>
    Object.keys(code[program]!)
      .filter((flag) => !all.some((one) => one.flag === flag && (one.program ?? program) === program))
      .map((flag) => `docs: no table shows ${flag} of ${program}`),
  )
  return [...all.flatMap((one) => compare(one, code)), ...missing]
}
