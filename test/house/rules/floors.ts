/**
 * Who may import whom: every package has a floor and imports only from floors below, in source and in its manifest.
 * Not about modules inside a package; that is `cycles.ts`.
 */
import { syntaxOf } from "../support/syntax.ts"
import { isCode, manifest, npmName, packageOf, packagesOf, type Tree } from "../support/tree.ts"

/** The floors, from the ground up. */
const floors: Readonly<Record<string, number>> = {
  core: 0,
  testing: 0,
  websocket: 1,
  grpc: 1,
  dashboard: 1,
  chain: 2,
  connections: 2,
  gateway: 2,
  cli: 3,
}

const folders = new Map(Object.keys(floors).map((folder) => [npmName(folder), folder]))

const folderOf = (specifier: string): string | undefined => {
  const parts = specifier.split("/")
  return folders.get(specifier.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0]!)
}

// `testing` stands beside the ground floor: a tool for tests, shipped by the command line alone.
const mayUse = (from: string, to: string): boolean =>
  floors[to]! < floors[from]! && (to !== "testing" || from === "cli") && from !== "testing"

const isBuiltin = (specifier: string): boolean => specifier.startsWith("node:")

// What the two packages of the ground floor may import at all.
const foundations: Readonly<Record<string, (specifier: string) => boolean>> = {
  core: (specifier) => /^effect(\/|$)/.test(specifier),
  testing: (specifier) =>
    /^(effect|@effect\/platform-node|@effect\/vitest|vitest)(\/|$)/.test(specifier) || isBuiltin(specifier),
}

const sources = (tree: Tree): ReadonlyArray<string> =>
  tree.paths
    .filter((path) => /^packages\/[^/]+\/src\//.test(path) && isCode(path))
    .flatMap((path) => {
      const from = packageOf(path)!
      if (floors[from] === undefined) return []
      return syntaxOf(tree, path).imports.flatMap(({ line, specifier }) => {
        if (/^[.#]/.test(specifier)) return []
        const to = folderOf(specifier)
        if (to === from) return [`${path}:${line}: imports ${specifier} from its own package; use a relative path`]
        const allowed = to === undefined ? (foundations[from]?.(specifier) ?? true) : mayUse(from, to)
        return allowed ? [] : [`${path}:${line}: ${from} (floor ${floors[from]}) must not import ${specifier}`]
      })
    })

const manifests = (tree: Tree): ReadonlyArray<string> =>
  packagesOf(tree).flatMap((from) => {
    const path = `packages/${from}/package.json`
    if (floors[from] === undefined) return [`${path}: has no floor; add it to test/house/rules/floors.ts`]
    const { dependencies, devDependencies, optionalDependencies, peerDependencies } = manifest(tree, path)
    const shipped = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })
    const check = (names: ReadonlyArray<string>, allowed: (to: string) => boolean) =>
      names.flatMap((name) => {
        const to = folders.get(name)
        return to === undefined || allowed(to)
          ? []
          : [`${path}: ${from} (floor ${floors[from]}) must not depend on ${name}`]
      })
    return [
      ...check(shipped, (to) => mayUse(from, to)),
      ...check(
        Object.keys(devDependencies ?? {}),
        (to) => mayUse(from, to) || (to === "testing" && from !== "testing"),
      ),
    ]
  })

/** Imports and dependencies that go up or sideways. */
export const floorViolations = (tree: Tree): ReadonlyArray<string> => [...sources(tree), ...manifests(tree)]
