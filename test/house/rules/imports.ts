/**
 * How modules are named in imports: no barrels in packages, no private code of another package, no path out of a package.
 * Which package may be imported at all is decided in `floors.ts`.
 */
import { syntaxOf } from "../support/syntax.ts"
import { isCode, packageOf, resolve, type Tree } from "../support/tree.ts"

const isBarrel = (path: string, specifier: string): boolean => {
  if (/^@effect\/platform-[^/]+$/.test(specifier)) return true
  // `effect/http` is a barrel as much as `effect` is; modules start with a capital letter.
  return /^packages\/[^/]+\/src\//.test(path) && /^effect(\/[a-z][^/]*)*$/.test(specifier)
}

const problem = (path: string, specifier: string): string | undefined => {
  if (isBarrel(path, specifier)) return `imports the barrel ${specifier}; name the module`
  if (/^(@holdfast\/[^/]+|holdfast)\/(src|dist|internal)\//.test(specifier))
    return `imports ${specifier}, which is private`
  if (!/^\.\.?(\/|$)/.test(specifier)) return undefined
  if (!/\.(ts|tsx|json)$/.test(specifier)) return `imports ${specifier} without its file ending`
  const target = resolve(path, specifier)
  const home = packageOf(path)
  const leaves = home === undefined ? target.startsWith("packages/") : !target.startsWith(`packages/${home}/`)
  return leaves ? `imports ${specifier} across packages; use the package name` : undefined
}

/** Imports that reach somewhere by the wrong name. */
export const importViolations = (tree: Tree): ReadonlyArray<string> =>
  tree.paths.filter(isCode).flatMap((path) =>
    syntaxOf(tree, path).imports.flatMap(({ line, specifier }) => {
      const found = problem(path, specifier)
      return found === undefined ? [] : [`${path}:${line}: ${found}`]
    }),
  )
