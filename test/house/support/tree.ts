/**
 * The repository as paths and texts, so that a rule is a plain function which a planted tree can be shown to fail.
 * Not a file system: nothing is written, and folders exist only as prefixes of files.
 */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** Files by path; paths are relative to the root and use `/`. */
export interface Tree {
  readonly paths: ReadonlyArray<string>
  readonly has: (path: string) => boolean
  /** The text, empty for a file that is not there. */
  readonly read: (path: string) => string
}

const tree = (paths: ReadonlyArray<string>, read: (path: string) => string): Tree => {
  const known = new Set(paths)
  for (const path of paths) {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) known.add(path.slice(0, end))
  }
  return { paths, has: (path) => path === "" || known.has(path), read }
}

/** A tree for one test. */
export const planted = (files: Readonly<Record<string, string>>): Tree =>
  tree(Object.keys(files).sort(), (path) => files[path] ?? "")

// What others made: dependencies, builds, history. Everything else is ours and under the rules.
const foreign = new Set(["node_modules", "dist", ".git", "coverage"])

const root = fileURLToPath(new URL("../../../", import.meta.url))

const walk = (folder: string): Array<string> =>
  readdirSync(root + folder, { withFileTypes: true }).flatMap((entry) => {
    if (foreign.has(entry.name)) return []
    if (entry.isDirectory()) return walk(`${folder}${entry.name}/`)
    return entry.isFile() ? [folder + entry.name] : []
  })

const texts = new Map<string, string>()

/** The text of any file below the root, also of installed packages. */
export const readReal = (path: string): string => {
  let text = texts.get(path)
  if (text === undefined) texts.set(path, (text = readFileSync(root + path, "utf8")))
  return text
}

/** The repository this file is in. */
export const repository: Tree = (() => {
  const paths = walk("").sort()
  const known = new Set(paths)
  return tree(paths, (path) => (known.has(path) ? readReal(path) : ""))
})()

/** Source we write by hand, wherever it is. */
export const isCode = (path: string): boolean => /\.[cm]?[jt]sx?$/.test(path) && !isGenerated(path)

/** Code that a generator wrote: no person reads it, so no rule of style binds it. */
export const isGenerated = (path: string): boolean => /_pb\.ts$|(^|\/)gen\//.test(path)

/** The folder of the package a file belongs to, `core` for `packages/core/src/Link.ts`. */
export const packageOf = (path: string): string | undefined => /^packages\/([^/]+)\//.exec(path)?.[1]

/** The packages of a tree: every folder with a manifest. */
export const packagesOf = (tree: Tree): ReadonlyArray<string> =>
  tree.paths.flatMap((path) => /^packages\/([^/]+)\/package\.json$/.exec(path)?.[1] ?? [])

/** What people install: the command line is `holdfast` itself. */
export const npmName = (folder: string): string => (folder === "cli" ? "holdfast" : `@holdfast/${folder}`)

/** The parts of `package.json` that rules read. */
export interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly description?: string
  readonly license?: string
  readonly private?: boolean
  readonly sideEffects?: unknown
  readonly engines?: Readonly<Record<string, string>>
  readonly scripts?: Readonly<Record<string, string>>
  readonly imports?: unknown
  readonly exports?: Readonly<Record<string, unknown>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** The manifest at a path; the shape is npm's and the rules treat every field as absent until seen. */
export const manifest = (tree: Tree, path: string): Manifest => JSON.parse(tree.read(path) || "{}") as Manifest

/** `a/b/../c` and `./c` as a path of the tree. Leaves a leading `..` for what lies outside. */
export const resolve = (from: string, relative: string): string => {
  const parts = from.split("/").slice(0, -1)
  for (const part of relative.split("/")) {
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop()
    else if (part !== "." && part !== "") parts.push(part)
  }
  return parts.join("/")
}
