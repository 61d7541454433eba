/**
 * What is wrong with a value from outside, a line for each place: which field, what was expected, what was there.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

/** One thing that is wrong. */
export interface Issue {
  /** Like `faults[0].fault.delay`; empty for the whole. */
  readonly field: string
  /** `expected a time such as 250ms, 10s or 5m, not "soon"`. */
  readonly problem: string
}

/** Decodes, or says everything that is wrong. Keys that nobody knows are wrong, too. */
export const decode = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  value: unknown,
): Result.Result<S["Type"], ReadonlyArray<Issue>> =>
  Result.mapError(
    Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty: "error" })(value),
    ({ issue }) => list(issue, value),
  )

/** A line for each. */
export const lines = (issues: ReadonlyArray<Issue>): string =>
  issues.map(({ field, problem }) => (field === "" ? problem : `${field}: ${problem}`)).join("\n")

const list = (issue: SchemaIssue.Issue, value: unknown): ReadonlyArray<Issue> =>
  format(issue).issues.map(({ message, path = [] }) => {
    const keys = path.map((key) => (typeof key === "object" ? key.key : key))
    const found = at(value, keys)
    const not = found === undefined || message.startsWith("unknown key") ? "" : `, not ${short(found)}`
    return { field: field(keys), problem: `${lower(message)}${not}` }
  })

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const field = (keys: ReadonlyArray<PropertyKey>): string =>
  keys
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "")

const at = (value: unknown, keys: ReadonlyArray<PropertyKey>): unknown => {
  let found = value
  for (const key of keys) {
    if (typeof found !== "object" || found === null) return undefined
    found = Reflect.get(found, key)
  }
  return found
}

const short = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

const lower = (message: string): string => message.slice(0, 1).toLowerCase() + message.slice(1)
