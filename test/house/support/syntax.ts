/**
 * TypeScript as a tree, from a real parser, so that strings and comments never look like code.
 * Knows imports and positions; what names mean is in `references.ts`.
 */
import { type ESTree, parseSync } from "vite"
import type { Tree } from "./tree.ts"

/** Any node; fields are read by name because rules look for few kinds. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

/** One import, export-from, `import()` or `import("x").T`. */
export interface Import {
  readonly specifier: string
  readonly line: number
  /** Erased at run time. */
  readonly typeOnly: boolean
  /** Runs when asked, not when the module loads. */
  readonly lazy: boolean
  readonly node: Node
}

/** A parsed file. */
export interface Syntax {
  readonly program: Node
  readonly comments: ReadonlyArray<{ readonly value: string; readonly start: number; readonly end: number }>
  readonly imports: ReadonlyArray<Import>
  /** What the parser did not understand. */
  readonly errors: ReadonlyArray<string>
  readonly line: (offset: number) => number
}

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && "type" in value

/** The nodes directly below, except those in the fields named. */
export const children = (node: Node, skipped: ReadonlyArray<string> = []): ReadonlyArray<Node> =>
  Object.entries(node).flatMap(([name, value]) => {
    if (skipped.includes(name)) return []
    return Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : []
  })

/** Every node, parents first. */
export const walk = (node: Node, visit: (node: Node) => void): void => {
  visit(node)
  for (const child of children(node)) walk(child, visit)
}

const importKinds = new Set([
  "ImportDeclaration",
  "ExportNamedDeclaration",
  "ExportAllDeclaration",
  "ImportExpression",
  "TSImportType",
])

const importOf = (node: Node, line: (offset: number) => number): ReadonlyArray<Import> => {
  const source = node["source"]
  if (!importKinds.has(node.type) || !isNode(source) || typeof source["value"] !== "string") return []
  const typeOnly = node.type === "TSImportType" || node["importKind"] === "type" || node["exportKind"] === "type"
  const lazy = node.type === "ImportExpression"
  return [{ specifier: source["value"], line: line(node.start), typeOnly, lazy, node }]
}

const lines = (text: string): ((offset: number) => number) => {
  const starts = [0]
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1)
  return (offset) => starts.findLastIndex((start) => start <= offset) + 1
}

const parsed = new Map<string, Syntax>()

/** The file at `path`, parsed once per text. */
export const syntaxOf = (tree: Tree, path: string): Syntax => {
  const text = tree.read(path)
  const key = `${path}\n${text}`
  const known = parsed.get(key)
  if (known !== undefined) return known
  const result = parseSync(path, text)
  const line = lines(text)
  const program = asNode(result.program)
  const imports: Array<Import> = []
  walk(program, (node) => imports.push(...importOf(node, line)))
  const errors = result.errors.map((error) => error.message)
  const syntax: Syntax = { program, comments: result.comments, imports, errors, line }
  parsed.set(key, syntax)
  return syntax
}

// The parser's own types name every kind of node; the rules walk them all alike, and each node has these fields.
const asNode = (program: ESTree.Program): Node => program as unknown as Node
