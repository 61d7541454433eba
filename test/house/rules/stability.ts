/**
 * The range of `effect` a package asks for follows from what it imports: `^4.1.0` while every Effect module on the way is stable,
 * `~4.1.0` as soon as one is not. Stability is read from the tags in Effect's own sources, never from a list of ours.
 */
import { targets } from "../support/modules.ts"
import { syntaxOf } from "../support/syntax.ts"
import { isCode, manifest, packageOf, packagesOf, type Tree } from "../support/tree.ts"

/** Whether the exports of an Effect module are mostly stable, by the text of its source. */
export const isStable = (source: string): boolean => {
  const stable = source.match(/@stability stable\b/g)?.length ?? 0
  const other = source.match(/@stability (unstable|experimental)\b/g)?.length ?? 0
  return stable > other
}

/** The file behind `effect/http/HttpRouter`, relative to the sources of Effect; a folder stands for its barrel. */
export const effectFile = (specifier: string): string => {
  const path = specifier.replace(/^effect\/?/, "")
  if (path === "") return "index.ts"
  return /^[A-Z]/.test(path.split("/").at(-1)!) ? `${path}.ts` : `${path}/index.ts`
}

// Everything a package can load, its own modules first, then what they import from packages below.
const unstableIn = (tree: Tree, folder: string, stable: (specifier: string) => boolean): ReadonlyArray<string> => {
  const queue = tree.paths.filter((path) => packageOf(path) === folder && path.includes("/src/") && isCode(path))
  const seen = new Set(queue)
  const found = new Set<string>()
  for (const path of queue) {
    for (const { specifier } of syntaxOf(tree, path).imports) {
      const fresh = targets(tree, path, specifier).filter((next) => !seen.has(next))
      for (const next of fresh) seen.add(next)
      queue.push(...fresh)
      const outside = /^effect(\/|$)/.test(specifier) ? !stable(specifier) : specifier.startsWith("@effect/")
      if (outside) found.add(specifier)
    }
  }
  return [...found].sort()
}

/** Packages whose range promises more, or less, than their imports allow. */
export const wrongRanges = (tree: Tree, stable: (specifier: string) => boolean): ReadonlyArray<string> =>
  packagesOf(tree).flatMap((folder) => {
    const path = `packages/${folder}/package.json`
    const range = manifest(tree, path).peerDependencies?.["effect"]
    if (range === undefined) return []
    const unstable = unstableIn(tree, folder, stable)
    const wanted = unstable.length === 0 ? "^4.1.0" : "~4.1.0"
    const why = unstable.length === 0 ? "every module it imports is stable" : `it imports ${unstable.join(", ")}`
    return range === wanted ? [] : [`${path}: must ask for effect ${wanted}, not ${range}: ${why}`]
  })
