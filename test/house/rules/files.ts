/**
 * The size, the names and the shape of source files. Comments are free; generated code is not ours to judge.
 */
import { syntaxOf } from "../support/syntax.ts"
import { isCode, isGenerated, type Tree } from "../support/tree.ts"

const limit = 400

/** Lines that hold code once comments are taken out. */
export const codeLines = (tree: Tree, path: string): number => {
  let code = tree.read(path)
  for (const { end, start } of syntaxOf(tree, path).comments) {
    code = code.slice(0, start) + code.slice(start, end).replace(/[^\n]/g, " ") + code.slice(end)
  }
  return code.split("\n").filter((line) => line.trim() !== "").length
}

/** Files with more code than one sitting can read. */
export const longFiles = (tree: Tree): ReadonlyArray<string> =>
  tree.paths.filter(isCode).flatMap((path) => {
    const lines = codeLines(tree, path)
    return lines > limit ? [`${path}: ${lines} lines of code, at most ${limit}`] : []
  })

/** Files the parser does not understand, which no other rule could judge. */
export const unparsed = (tree: Tree): ReadonlyArray<string> =>
  tree.paths.filter(isCode).flatMap((path) => syntaxOf(tree, path).errors.map((error) => `${path}: ${error}`))

const vague = /^(utils?|common|misc|types|constants)$/i
const pascal = /^[A-Z][A-Za-z0-9]*\.tsx?$/
const camel = /^[a-z][A-Za-z0-9]*$/
const kebab = /^[a-z0-9]+(-[a-z0-9]+)*$/

const isCamelPath = (path: string): boolean => {
  const parts = path.replace(/\.[cm]?[jt]sx?$/, "").split("/")
  return parts.every((part) => camel.test(part))
}

const sourceName = (folder: string, path: string): string | undefined => {
  if (!path.includes("/")) {
    return pascal.test(path) || path === "index.ts" || path === "bin.ts"
      ? undefined
      : "a public module is PascalCase.ts"
  }
  const [room, ...rest] = path.split("/")
  if (room !== "internal" && !(folder === "cli" && room === "commands")) return "private code lives in src/internal"
  return isCamelPath(rest.join("/")) ? undefined : "a private module is camelCase.ts"
}

// Helpers of tests are private code; names of stories may be words joined by dashes.
const testName = (path: string, stories: boolean): string | undefined => {
  const name = path.split("/").at(-1)!
  const subject = /^(.*?)(\.property)?\.test\.tsx?$/.exec(name)?.[1]
  if (subject === undefined) {
    return /\.test\./.test(name) || !isCamelPath(name) ? "a test is X.test.ts or X.property.test.ts" : undefined
  }
  const good = /^[A-Za-z][A-Za-z0-9]*$/.test(subject) || (stories && kebab.test(subject))
  return good ? undefined : "a test is X.test.ts or X.property.test.ts"
}

const nameProblem = (path: string): string | undefined => {
  if (path.split("/").some((part) => vague.test(part.replace(/\..*$/, "")))) return "says nothing about what is inside"
  if (/(^|\/)[^/]*\.config\.[cm]?[jt]s$/.test(path)) return undefined
  const source = /^packages\/([^/]+)\/src\/(.*)$/.exec(path)
  if (source !== null) return sourceName(source[1]!, source[2]!)
  if (/^packages\/[^/]+\/test\//.test(path)) return testName(path, false)
  if (path.startsWith("test/")) return testName(path, true)
  return undefined
}

const documentProblem = (path: string): string | undefined => {
  const name = path.split("/").at(-1)!
  if (!path.startsWith("docs/") || !name.endsWith(".md") || name === "README.md") return undefined
  if (!kebab.test(name.slice(0, -3))) return "a document is kebab-case.md"
  return path.startsWith("docs/decisions/") && !/^\d{4}-/.test(name) ? "a decision is 0007-short-name.md" : undefined
}

/** Files in the wrong room or under a name nobody would look for. */
export const badNames = (tree: Tree): ReadonlyArray<string> =>
  tree.paths.flatMap((path) => {
    const problem =
      isCode(path) || isGenerated(path) ? (isGenerated(path) ? undefined : nameProblem(path)) : documentProblem(path)
    return problem === undefined ? [] : [`${path}: ${problem}`]
  })

const declarations = new Set([
  "ImportDeclaration",
  "ExportNamedDeclaration",
  "ExportAllDeclaration",
  "ExportDefaultDeclaration",
  "VariableDeclaration",
  "FunctionDeclaration",
  "ClassDeclaration",
])

const isLibrary = (path: string): boolean => /^(packages\/[^/]+\/src|examples\/[^/]+)\//.test(path) && isCode(path)

/** Default exports, in what people import or copy. */
export const defaultExports = (tree: Tree): ReadonlyArray<string> =>
  tree.paths.filter(isLibrary).flatMap((path) => {
    const syntax = syntaxOf(tree, path)
    const body = syntax.program["body"] as ReadonlyArray<{ readonly type: string; readonly start: number }>
    return body
      .filter(({ type }) => type === "ExportDefaultDeclaration")
      .map(({ start }) => `${path}:${syntax.line(start)}: has a default export`)
  })

/** Statements that run when a module of a package is imported; only a `bin.ts` may do something. */
export const sideEffects = (tree: Tree): ReadonlyArray<string> =>
  tree.paths
    .filter((path) => /^packages\/[^/]+\/src\//.test(path) && isCode(path) && !path.endsWith("/src/bin.ts"))
    .flatMap((path) => {
      const syntax = syntaxOf(tree, path)
      const body = syntax.program["body"] as ReadonlyArray<{ readonly type: string; readonly start: number }>
      return body
        .filter(({ type }) => !declarations.has(type) && !type.startsWith("TS"))
        .map(({ start }) => `${path}:${syntax.line(start)}: does something when it is imported`)
    })
