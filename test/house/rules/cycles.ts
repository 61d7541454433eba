/**
 * Modules of a package never import each other in a circle, because then the order in which they load decides what works.
 * `import type` and `import()` do not count: the one is erased, the other runs later.
 */
import { targets } from "../support/modules.ts"
import { syntaxOf } from "../support/syntax.ts"
import { isCode, type Tree } from "../support/tree.ts"

const edgesOf = (tree: Tree, path: string): ReadonlyArray<string> =>
  syntaxOf(tree, path)
    .imports.filter(({ lazy, typeOnly }) => !lazy && !typeOnly)
    .flatMap(({ specifier }) => targets(tree, path, specifier))

// Breadth first, so that the circle that is shown is a shortest one.
const circle = (
  edges: ReadonlyMap<string, ReadonlyArray<string>>,
  start: string,
): ReadonlyArray<string> | undefined => {
  const from = new Map<string, string>()
  const queue = [start]
  for (const path of queue) {
    for (const next of edges.get(path) ?? []) {
      if (next === start) {
        const way = [start]
        for (let at = path; at !== start; at = from.get(at)!) way.unshift(at)
        return [start, ...way]
      }
      if (from.has(next)) continue
      from.set(next, path)
      queue.push(next)
    }
  }
  return undefined
}

/** One line per circle. */
export const cycles = (tree: Tree): ReadonlyArray<string> => {
  const modules = tree.paths.filter((path) => /^packages\/[^/]+\/src\//.test(path) && isCode(path))
  const edges = new Map(modules.map((path) => [path, edgesOf(tree, path)]))
  const seen = new Set<string>()
  return modules.flatMap((path) => {
    if (seen.has(path)) return []
    const found = circle(edges, path)
    for (const member of found ?? []) seen.add(member)
    return found === undefined ? [] : [`circle: ${found.join(" -> ")}`]
  })
}
