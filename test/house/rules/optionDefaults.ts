/**
 * A default of an option of a library, printed in a table with the columns `option` (or `option of Module.function`) and `default`,
 * is a default that the package's source gives that option. Words such as "never" stand where the source has no literal.
 */
import { type Row, rows } from "../support/markdown.ts"
import type { Tree } from "../support/tree.ts"

const literal = String.raw`("[^"]*"|[\d_]+(?:\.\d+)?|true|false)`

/** Every literal that the source of a package falls back to for an option of that name. */
const fallbacks = (tree: Tree, name: string, option: string): ReadonlySet<string> => {
  const patterns = [
    `\\b${option} = ${literal}[,\\s)]`,
    `\\.${option} \\?\\? ${literal}`,
    `\\.${option} \\?\\? \\([^?\\n]*\\? ${literal}`,
  ]
  const sources = tree.paths.filter((path) => path.startsWith(`packages/${name}/src/`) && path.endsWith(".ts"))
  const found = sources.flatMap((path) =>
    patterns.flatMap((pattern) => [...tree.read(path).matchAll(new RegExp(pattern, "g"))].map((match) => match[1]!)),
  )
  return new Set(found.map(same))
}

// `"16KiB"` and 16 KiB, 10_000 and 10000, "1 minute" and 1 minute are written in two ways and are the same.
const same = (text: string): string => text.replace(/[`"\s_,]/g, "").toLowerCase()

/** The package whose option a row is about: that of the README, or that of the module in the title. */
const packageOf = (tree: Tree, path: string, title: string): string | undefined => {
  const own = /^packages\/([^/]+)\/README\.md$/.exec(path)?.[1]
  const module = /`([a-z]+)\./i.exec(title)?.[1]?.toLowerCase()
  const source = tree.paths.find(
    (one) => module !== undefined && one.toLowerCase().endsWith(`/src/${module}.ts`) && one.startsWith("packages/"),
  )
  return source?.split("/")[1] ?? own
}

const isLiteral = (text: string): boolean => /^[\d"]|^(true|false)$/.test(text.replaceAll("`", ""))

const check = (tree: Tree, path: string, { cells, line }: Row): ReadonlyArray<string> => {
  const title = Object.keys(cells).find((name) => name === "option" || name.startsWith("option of "))
  const printed = cells["default"]?.replace(/;.*$/, "") // a remark may follow
  if (title === undefined || printed === undefined || cells[title]!.includes("--")) return []
  const option = /`([a-z]\w*)`/.exec(cells[title]!)?.[1]
  const name = packageOf(tree, path, title)
  if (option === undefined || name === undefined || name === "cli") return []
  const real = fallbacks(tree, name, option)
  if (real.size === 0 ? !/^\d/.test(printed) : real.has(same(printed))) return []
  if (!isLiteral(printed) && !/^\d/.test(printed)) return []
  return [
    `${path}:${line}: prints ${option} ${printed}; the source of ${name} uses ${[...real].join(" or ") || "none"}`,
  ]
}

/** Defaults of options that documents print wrongly. */
export const wrongOptionDefaults = (tree: Tree): ReadonlyArray<string> =>
  tree.paths
    .filter((path) => /^(packages\/[^/]+\/README\.md|docs\/.*\.md)$/.test(path))
    .flatMap((path) => rows(tree.read(path)).flatMap((row) => check(tree, path, row)))
