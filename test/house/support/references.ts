/**
 * Which names of the outside world a module reaches for, as dotted paths: `Math.random`, `crypto.randomUUID`, `Date`.
 * Types are erased and do not count; a local variable called `performance` is not the global.
 */
import { children, type Node, type Syntax } from "./syntax.ts"

/** A use of something that the module did not declare. */
export interface Reference {
  readonly path: string
  readonly line: number
}

// These are the global object itself; `node:crypto` is the same source of chance as the global `crypto`.
const transparent = new Set(["globalThis", "global", "window", "self"])
const aliases: Readonly<Record<string, string>> = {
  "node:crypto": "crypto",
  crypto: "crypto",
  "node:process": "process",
}

type Scope = ReadonlyMap<string, string | undefined>

const field = (node: Node, name: string): Node | undefined => node[name] as Node | undefined
const list = (node: Node, name: string): ReadonlyArray<Node> => (node[name] as ReadonlyArray<Node> | undefined) ?? []

// A binding's value is the outside path it stands for, or undefined when it is local.
const bind = (names: Map<string, string | undefined>, pattern: Node | undefined | null): void => {
  if (pattern === undefined || pattern === null) return
  if (pattern.type === "Identifier") names.set(String(pattern["name"]), undefined)
  else if (pattern.type === "Property") bind(names, field(pattern, "value"))
  else if (pattern.type === "AssignmentPattern") bind(names, field(pattern, "left"))
  else if (pattern.type === "RestElement") bind(names, field(pattern, "argument"))
  else if (pattern.type === "TSParameterProperty") bind(names, field(pattern, "parameter"))
  else for (const part of [...list(pattern, "properties"), ...list(pattern, "elements")]) bind(names, part)
}

const imported = (names: Map<string, string | undefined>, node: Node): void => {
  const base = aliases[String(field(node, "source")?.["value"])]
  for (const specifier of list(node, "specifiers")) {
    const name = field(specifier, "imported")
    const whole = name === undefined || name["name"] === "default"
    const path = base === undefined || whole ? base : `${base}.${String(name["name"])}`
    names.set(String(field(specifier, "local")?.["name"]), path)
  }
}

const declare = (names: Map<string, string | undefined>, statement: Node | undefined | null): void => {
  if (statement === undefined || statement === null) return
  const type = statement.type
  if (type === "ImportDeclaration") imported(names, statement)
  else if (type.startsWith("Export")) declare(names, field(statement, "declaration"))
  else if (type === "VariableDeclaration")
    for (const one of list(statement, "declarations")) bind(names, field(one, "id"))
  else if (type === "FunctionDeclaration" || type === "ClassDeclaration" || type === "TSEnumDeclaration") {
    bind(names, field(statement, "id"))
  }
}

const scopeOf = (node: Node): Scope | undefined => {
  const names = new Map<string, string | undefined>()
  if (node.type === "Program" || node.type === "BlockStatement" || node.type === "StaticBlock") {
    for (const statement of node["body"] as ReadonlyArray<Node>) declare(names, statement)
  } else if (node.type === "SwitchStatement") {
    for (const one of list(node, "cases")) for (const statement of list(one, "consequent")) declare(names, statement)
  } else if (node.type.includes("Function")) {
    bind(names, field(node, "id"))
    for (const parameter of list(node, "params")) bind(names, parameter)
  } else if (node.type.startsWith("For")) {
    declare(names, field(node, "init") ?? field(node, "left"))
  } else if (node.type === "CatchClause") bind(names, field(node, "param"))
  else if (node.type === "ClassExpression") bind(names, field(node, "id"))
  else return undefined
  return names
}

const names = (path: string): string =>
  path
    .split(".")
    .filter((part) => !transparent.has(part))
    .join(".")

const keyOf = (node: Node, key: string): string | undefined => {
  const part = field(node, key)
  if (node["computed"] !== true) return part?.type === "Identifier" ? String(part["name"]) : undefined
  return part?.type === "Literal" && typeof part["value"] === "string" ? part["value"] : undefined
}

/** The dotted path of an expression, if it starts at something the module did not declare. */
const pathOf = (node: Node | undefined | null, scopes: ReadonlyArray<Scope>): string | undefined => {
  if (node?.type === "Identifier") {
    const name = String(node["name"])
    const scope = scopes.findLast((one) => one.has(name))
    return scope === undefined ? name : scope.get(name)
  }
  if (node?.type === "ChainExpression") return pathOf(field(node, "expression"), scopes)
  if (node?.type !== "MemberExpression") return undefined
  const key = keyOf(node, "property")
  const base = pathOf(field(node, "object"), scopes)
  return base === undefined || key === undefined ? undefined : `${base}.${key}`
}

const wrappers = new Set([
  "TSAsExpression",
  "TSSatisfiesExpression",
  "TSNonNullExpression",
  "TSTypeAssertion",
  "TSInstantiationExpression",
  "TSParameterProperty",
  "TSEnumDeclaration",
  "TSEnumBody",
  "TSEnumMember",
])
// Fields that hold a name but no use of it, unless it is computed.
const labels: Readonly<Record<string, ReadonlyArray<string>>> = {
  Property: ["key"],
  MethodDefinition: ["key"],
  PropertyDefinition: ["key"],
  AccessorProperty: ["key"],
  MemberExpression: ["property"],
  TSEnumMember: ["id"],
  LabeledStatement: ["label"],
  BreakStatement: ["label"],
  ContinueStatement: ["label"],
  MetaProperty: ["meta", "property"],
  ImportDeclaration: ["specifiers"],
  ExportSpecifier: ["local", "exported"],
  ExportAllDeclaration: ["exported"],
}

/** Everything the module takes from outside by name. */
export const references = (syntax: Syntax): ReadonlyArray<Reference> => {
  const found: Array<Reference> = []
  const report = (path: string, node: Node) => found.push({ path: names(path), line: syntax.line(node.start) })

  const visit = (node: Node, outer: ReadonlyArray<Scope>): void => {
    if (node.type.startsWith("TS") && !wrappers.has(node.type)) return
    const scope = scopeOf(node)
    const scopes = scope === undefined ? outer : [...outer, scope]
    const path = pathOf(node, scopes)
    if (path !== undefined) return void report(path, node)
    if (node.type === "VariableDeclarator" && field(node, "id")?.type === "ObjectPattern") unpack(node, scopes)
    const skipped = node["computed"] === true ? undefined : labels[node.type]
    for (const child of children(node, skipped)) visit(child, scopes)
  }

  // `const { random } = Math` names no member of Math anywhere else.
  const unpack = (node: Node, scopes: ReadonlyArray<Scope>): void => {
    const base = pathOf(field(node, "init"), scopes)
    if (base === undefined) return
    for (const property of list(field(node, "id")!, "properties")) {
      const key = property.type === "Property" ? keyOf(property, "key") : undefined
      if (key !== undefined) report(`${base}.${key}`, property)
    }
  }

  visit(syntax.program, [])
  return found
}
