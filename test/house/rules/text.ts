/**
 * What must not be written anywhere: hosts of package registries, promises without an issue, tests that are switched off in
 * silence, and scripts that swallow a failure.
 */
import { type Node, syntaxOf, walk } from "../support/syntax.ts"
import { isCode, isGenerated, manifest, type Tree } from "../support/tree.ts"

const linesOf = (text: string): ReadonlyArray<readonly [number, string]> =>
  text.split("\n").map((line, index) => [index + 1, line] as const)

const registry = /\bregistry\.[a-z0-9-]+\.[a-z]{2,}|\bnpm\.pkg\.[a-z]+\.com/

/** Addresses of registries: an install must work with whatever registry the reader uses. */
export const registryHosts = (tree: Tree): ReadonlyArray<string> =>
  tree.paths.flatMap((path) =>
    linesOf(tree.read(path)).flatMap(([line, text]) => {
      const address = path === "pnpm-lock.yaml" ? /https?:\/\/[^\s'"]+/.exec(text)?.[0] : undefined
      const host = registry.exec(text)?.[0] ?? address
      return host === undefined ? [] : [`${path}:${line}: names the registry ${host}`]
    }),
  )

const promise = /\b(TODO|FIXME|XXX|HACK)\b(?!\s*\(?#\d)/

const comments = (tree: Tree, path: string): ReadonlyArray<readonly [number, string]> => {
  if (!isCode(path)) return /\.(ya?ml|sh|css|html|proto)$|^\.ci\//.test(path) ? linesOf(tree.read(path)) : []
  const syntax = syntaxOf(tree, path)
  return syntax.comments.flatMap(({ start, value }) =>
    linesOf(value).map(([line, text]) => [syntax.line(start) + line - 1, text] as const),
  )
}

/** Notes to do something later that nobody would find again: they need the number of an issue. */
export const loosePromises = (tree: Tree): ReadonlyArray<string> =>
  tree.paths
    .filter((path) => !isGenerated(path))
    .flatMap((path) =>
      comments(tree, path).flatMap(([line, text]) => {
        const word = promise.exec(text)?.[1]
        return word === undefined ? [] : [`${path}:${line}: ${word} without the number of an issue`]
      }),
    )

const suites = new Set(["it", "test", "describe", "suite", "bench"])
const contexts = new Set(["ctx", "context", "task", "t"])

const parts = (node: Node): ReadonlyArray<string> => {
  if (node.type === "Identifier") return [String(node["name"])]
  if (node.type === "CallExpression") return parts(node["callee"] as Node)
  if (node.type !== "MemberExpression" || node["computed"] === true) return []
  return [...parts(node["object"] as Node), ...parts(node["property"] as Node)]
}

const texts = (node: Node): ReadonlyArray<string> =>
  (node["arguments"] as ReadonlyArray<Node>).flatMap((argument) =>
    argument.type === "Literal" && typeof argument["value"] === "string"
      ? [argument["value"]]
      : argument.type === "TemplateLiteral"
        ? [(argument["quasis"] as ReadonlyArray<Node>).map((part) => JSON.stringify(part["value"])).join("")]
        : [],
  )

const flags = (node: Node): ReadonlyArray<string> =>
  (node["arguments"] as ReadonlyArray<Node>)
    .filter(({ type }) => type === "ObjectExpression")
    .flatMap((argument) => argument["properties"] as ReadonlyArray<Node>)
    .flatMap((property) => (property.type === "Property" ? parts(property["key"] as Node) : []))

const switchedOff = (node: Node): string | undefined => {
  if (node.type !== "CallExpression") return undefined
  const [head = "", ...modifiers] = parts(node["callee"] as Node)
  const rest = suites.has(head) ? [...modifiers, ...flags(node)] : modifiers
  if (suites.has(head)) {
    const word = rest.find((name) => name === "only" || name === "todo")
    if (word !== undefined) return `${head}.${word} leaves tests out`
    const named = texts(node).some((text) => /#\d+/.test(text))
    return rest.includes("skip") && !named ? `${head}.skip must name an issue in its title` : undefined
  }
  const silent =
    contexts.has(head) && rest.length === 1 && rest[0] === "skip" && texts(node).every((text) => text === "")
  return silent ? `${head}.skip must say why` : undefined
}

/** Tests that do not run and do not say why. */
export const silentSkips = (tree: Tree): ReadonlyArray<string> =>
  tree.paths
    .filter((path) => /\.test\.tsx?$/.test(path))
    .flatMap((path) => {
      const syntax = syntaxOf(tree, path)
      const found: Array<string> = []
      walk(syntax.program, (node) => {
        const problem = switchedOff(node)
        if (problem !== undefined) found.push(`${path}:${syntax.line(node.start)}: ${problem}`)
      })
      return found
    })

const swallows = /\|\|\s*(true|:|exit\s+0|echo)(?![\w-])|\bset \+e\b|continue-on-error/

/** Commands of the check whose failure nobody would see. */
export const swallowedFailures = (tree: Tree): ReadonlyArray<string> => {
  const scripts = tree.paths.filter((path) => /^\.(ci|github)\//.test(path) || path.endsWith(".sh"))
  const lines = scripts.flatMap((path) =>
    linesOf(tree.read(path)).map(([line, text]) => [`${path}:${line}`, text] as const),
  )
  const commands = tree.paths
    .filter((path) => /(^|\/)package\.json$/.test(path))
    .flatMap((path) => Object.entries(manifest(tree, path).scripts ?? {}))
    .map(([name, text]) => [`package.json ${name}`, text] as const)
  const strict = scripts
    .filter((path) => path.startsWith(".ci/") && !/^set -euo pipefail$/m.test(tree.read(path)))
    .map((path) => `${path}: must start with set -euo pipefail`)
  return [
    ...[...lines, ...commands].flatMap(([where, text]) => {
      const found = swallows.exec(text.replace(/^\s*#.*$/, ""))?.[0]
      return found === undefined ? [] : [`${where}: swallows a failure with ${found}`]
    }),
    ...strict,
  ]
}

/** Places that name another pnpm than the rest: the set-up must be one. */
export const pnpmVersions = (tree: Tree): ReadonlyArray<string> => {
  const found = tree.paths
    .filter((path) => path !== "pnpm-lock.yaml" && !path.startsWith("test/house/"))
    .flatMap((path) =>
      linesOf(tree.read(path)).flatMap(([line, text]) =>
        [...text.matchAll(/\bpnpm@(\d[\w.-]*)/g)].map((match) => ({ where: `${path}:${line}`, version: match[1]! })),
      ),
    )
  const wanted = /pnpm@(\d[\w.-]*)/.exec(manifest(tree, "package.json").scripts?.["setup"] ?? "")?.[1]
  return found
    .filter(({ version }) => version !== wanted)
    .map(({ version, where }) => `${where}: names pnpm ${version}; the set-up uses ${wanted ?? "none"}`)
}
