/**
 * Which files of the tree an import means: a relative path, a `#name` of the package, or a module of another package of ours.
 */
import { manifest, npmName, packageOf, packagesOf, resolve, type Tree } from "./tree.ts"

const leaves = (value: unknown): ReadonlyArray<string> =>
  typeof value === "string" ? [value] : Object.values(value ?? {}).flatMap(leaves)

// A `#name` may stand for several files, one per condition, and each of them counts.
const conditional = (tree: Tree, path: string, specifier: string): ReadonlyArray<string> => {
  const home = `packages/${packageOf(path)}/package.json`
  const imports = (manifest(tree, home).imports ?? {}) as Readonly<Record<string, unknown>>
  return leaves(imports[specifier]).map((file) =>
    resolve(home, file.replace("/dist/", "/src/").replace(/\.js$/, ".ts")),
  )
}

const published = (tree: Tree, specifier: string): ReadonlyArray<string> => {
  const folder = packagesOf(tree).find((one) => specifier === npmName(one) || specifier.startsWith(`${npmName(one)}/`))
  if (folder === undefined) return []
  const module = specifier.slice(npmName(folder).length + 1)
  return [`packages/${folder}/src/${module === "" ? "index" : module}.ts`]
}

/** The files of the tree behind a specifier; none for what others made. */
export const targets = (tree: Tree, path: string, specifier: string): ReadonlyArray<string> => {
  const found = specifier.startsWith(".")
    ? [resolve(path, specifier)]
    : specifier.startsWith("#")
      ? conditional(tree, path, specifier)
      : published(tree, specifier)
  return found.filter((target) => tree.has(target))
}
