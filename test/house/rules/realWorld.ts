/**
 * Time, chance and the network are services: only platform files touch the real ones, and only they and `*Promise` modules use
 * `async` and `try`. A list that claims more than the code needs is reported as well, so it cannot rot.
 */
import { references } from "../support/references.ts"
import { syntaxOf, walk } from "../support/syntax.ts"
import { isCode, type Tree } from "../support/tree.ts"
import { restricted } from "./platformFiles.ts"

interface Use {
  readonly what: string
  readonly line: number
}

const forbidden = new Set<string>([
  ...restricted.globals,
  ...Object.entries(restricted.members).flatMap(([name, members]) => members.map((member) => `${name}.${member}`)),
])

const modules = new Set<string>(restricted.modules.flatMap((name) => [name, name.replace(/^node:/, "")]))

const isSource = (path: string): boolean => /^packages\/[^/]+\/src\//.test(path) && isCode(path)

// The longest known prefix says what is used: `process.hrtime.bigint` is `process.hrtime`.
const known = (path: string): string | undefined => {
  const parts = path.split(".")
  return [parts[0]!, parts.slice(0, 2).join(".")].find((name) => forbidden.has(name))
}

// The types of Node's own modules are shapes and are erased; a wrapped library stays in its file, types and all.
const moduleOf = (specifier: string, typeOnly: boolean): string | undefined => {
  if (!modules.has(specifier) || (typeOnly && specifier !== "ws")) return undefined
  return specifier === "ws" || specifier.startsWith("node:") ? specifier : `node:${specifier}`
}

const usesOf = (tree: Tree, path: string): ReadonlyArray<Use> => {
  const syntax = syntaxOf(tree, path)
  const named = references(syntax).flatMap(({ line, path }) => {
    const what = known(path)
    return what === undefined ? [] : [{ what, line }]
  })
  const taken = syntax.imports.flatMap(({ line, node, specifier, typeOnly }) => {
    const what = moduleOf(specifier, typeOnly)
    const members = typeOnly ? [] : chanceOf(specifier, node)
    return [...(what === undefined ? [] : [{ what, line }]), ...members.map((member) => ({ what: member, line }))]
  })
  return [...taken, ...named].sort((a, b) => a.line - b.line)
}

// `import { randomBytes } from "node:crypto"` is a use even before the name is called.
const chanceOf = (specifier: string, node: { readonly [field: string]: unknown }): ReadonlyArray<string> => {
  const base = specifier.replace(/^node:/, "")
  if (base !== "crypto" && base !== "process") return []
  const specifiers = (node["specifiers"] ?? []) as ReadonlyArray<{ readonly imported?: { readonly name?: string } }>
  return specifiers.flatMap(({ imported }) => known(`${base}.${imported?.name}`) ?? [])
}

/** Uses outside the platform files, and platform files that are gone or need less than they claim. */
export const realWorld = (
  tree: Tree,
  platform: Readonly<Record<string, ReadonlyArray<string>>>,
): ReadonlyArray<string> => {
  const wild = tree.paths.filter(isSource).flatMap((path) => {
    const allowed = platform[path] ?? []
    return usesOf(tree, path)
      .filter(({ what }) => !allowed.includes(what))
      .map(({ line, what }) => `${path}:${line}: uses ${what}; only a platform file may`)
  })
  const stale = Object.entries(platform).flatMap(([path, allowed]) => {
    if (!tree.has(path)) return [`${path}: is listed as a platform file and does not exist`]
    const used = new Set(usesOf(tree, path).map(({ what }) => what))
    return allowed
      .filter((what) => !used.has(what))
      .map((what) => `${path}: is listed as a platform file for ${what} and does not use it`)
  })
  return [...wild, ...stale]
}

/** `async`, `await` and `try` in source that should be Effects. */
export const promises = (
  tree: Tree,
  platform: Readonly<Record<string, ReadonlyArray<string>>>,
): ReadonlyArray<string> =>
  tree.paths
    .filter((path) => isSource(path) && platform[path] === undefined && !path.endsWith("Promise.ts"))
    .flatMap((path) => {
      const syntax = syntaxOf(tree, path)
      const found: Array<string> = []
      walk(syntax.program, (node) => {
        const word =
          node.type === "TryStatement"
            ? "try"
            : node.type === "AwaitExpression"
              ? "await"
              : node["async"] === true
                ? "async"
                : ""
        if (word !== "")
          found.push(`${path}:${syntax.line(node.start)}: uses ${word}; use Effect.try or Effect.tryPromise`)
      })
      return found
    })
