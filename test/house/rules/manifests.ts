/**
 * What every published package says about itself, so that people who install it get the same promises from each one.
 * Which packages it may depend on is decided in `floors.ts`.
 */
import { type Manifest, manifest, npmName, packagesOf, type Tree } from "../support/tree.ts"

const readmeLimit = 120

const readme = (tree: Tree, folder: string): ReadonlyArray<string> => {
  const path = `packages/${folder}/README.md`
  if (!tree.has(path)) return [`${path}: does not exist`]
  const text = tree.read(path)
  const lines = text.trimEnd().split("\n").length
  return [
    ...(lines > readmeLimit ? [`${path}: ${lines} lines, at most ${readmeLimit}`] : []),
    ...(text.includes(npmName(folder)) ? [] : [`${path}: does not name ${npmName(folder)}`]),
  ]
}

const oldest = [22, 19] as const

const runsOn = (range: string | undefined): boolean => {
  const match = /^>=(\d+)\.(\d+)(?:\.\d+)?$/.exec(range ?? "")
  if (match === null) return false
  const [major, minor] = [Number(match[1]), Number(match[2])]
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1])
}

const about = (folder: string, { description, engines, license, name, sideEffects, ...rest }: Manifest) => [
  name === npmName(folder) ? "" : `is named ${name}, not ${npmName(folder)}`,
  license === "MIT" ? "" : "has no MIT license",
  description !== undefined && description.length > 20 ? "" : "has no description",
  Array.isArray(sideEffects) && sideEffects.length === 0 ? "" : "must promise `sideEffects: []`",
  runsOn(engines?.["node"]) ? "" : `must ask for node >=${oldest.join(".")} or newer`,
  folder === "cli" || rest.peerDependencies?.["effect"] !== undefined ? "" : "must have effect as a peer",
  folder === "cli" || rest.dependencies?.["effect"] === undefined ? "" : "must not bring an effect of its own",
]

// Conditions are tried in order, so `source` has to come first to be of any use.
const exportProblem = (key: string, value: unknown): string => {
  if (value === null || key === "./package.json") return ""
  const wild = typeof value === "object" ? Object.entries(value as Readonly<Record<string, unknown>>) : []
  const shape = wild.map(
    ([condition, file]) => `${condition} ${String(file).replace(/^\.\/(src|dist)\/.*?(\.d\.ts|\.ts|\.js)$/, "$1 $2")}`,
  )
  return shape.join(", ") === "source src .ts, types dist .d.ts, default dist .js"
    ? ""
    : `export ${key} must be source (src), types (dist), default (dist)`
}

const exported = (exports: Readonly<Record<string, unknown>>) => [
  ...Object.entries(exports).map(([key, value]) => exportProblem(key, value)),
  "./package.json" in exports ? "" : "must export ./package.json",
  "./*" in exports && exports["./internal/*"] !== null ? "must hide ./internal/*" : "",
]

const ranges = ({ dependencies, devDependencies }: Manifest) =>
  Object.entries({ ...dependencies, ...devDependencies }).map(([name, range]) =>
    /^(catalog|workspace):/.test(range) ? "" : `asks for ${name} ${range}; use catalog: or workspace:`,
  )

const versions = (tree: Tree): ReadonlyArray<string> => {
  const found = new Set(packagesOf(tree).map((folder) => manifest(tree, `packages/${folder}/package.json`).version))
  return found.size > 1 ? [`packages: share one version, found ${[...found].sort().join(", ")}`] : []
}

/** Packages that say too little, or something else than the others. */
export const manifestViolations = (tree: Tree): ReadonlyArray<string> => [
  ...packagesOf(tree).flatMap((folder) => {
    const path = `packages/${folder}/package.json`
    const found = manifest(tree, path)
    const problems = [...about(folder, found), ...exported(found.exports ?? {}), ...ranges(found)]
    return [
      ...problems.filter((problem) => problem !== "").map((problem) => `${path}: ${problem}`),
      ...readme(tree, folder),
    ]
  }),
  ...ranges(manifest(tree, "package.json"))
    .filter((problem) => problem !== "")
    .map((problem) => `package.json: ${problem}`),
  ...versions(tree),
]

interface Project {
  readonly references?: ReadonlyArray<{ readonly path: string }>
}

const referencesOf = (tree: Tree, path: string): ReadonlyArray<string> =>
  ((JSON.parse(tree.read(path) || "{}") as Project).references ?? []).map((reference) => reference.path).sort()

const different = (path: string, found: ReadonlyArray<string>, wanted: ReadonlyArray<string>): ReadonlyArray<string> =>
  found.join() === wanted.join()
    ? []
    : [`${path}: must reference ${wanted.join(", ") || "nothing"}; references ${found.join(", ") || "nothing"}`]

/** Packages that the type check would miss, or would check against something they do not depend on. */
export const projectViolations = (tree: Tree): ReadonlyArray<string> => {
  const folders = packagesOf(tree)
  const all = folders.map((folder) => `packages/${folder}`).sort()
  return [
    ...different("tsconfig.build.json", referencesOf(tree, "tsconfig.build.json"), all),
    ...different("tsconfig.test.json", referencesOf(tree, "tsconfig.test.json"), all),
    ...folders.flatMap((folder) => {
      const { dependencies = {} } = manifest(tree, `packages/${folder}/package.json`)
      const wanted = folders.filter((other) => dependencies[npmName(other)] !== undefined).map((other) => `../${other}`)
      const path = `packages/${folder}/tsconfig.json`
      return different(path, referencesOf(tree, path), wanted.sort())
    }),
  ]
}
