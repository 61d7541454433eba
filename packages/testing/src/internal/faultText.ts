/**
 * The short form of faults, for command lines: `kind[:key=value,...]`, and `;` between several. It only takes text apart and puts it
 * together; what the keys of a kind are is the Schema's to say.
 */
import * as Result from "effect/Result"
import type { Issue } from "./issues.ts"

/** A kind and its keys, with numbers, truths and groups where those keys have them. */
export type Raw = Readonly<Record<string, unknown>>

/** Reads one fault. */
export const read = (text: string): Result.Result<Raw, ReadonlyArray<Issue>> => {
  const colon = text.indexOf(":")
  const kind = (colon < 0 ? text : text.slice(0, colon)).trim()
  const rest = colon < 0 ? "" : text.slice(colon + 1).trim()
  const raw: Record<string, unknown> = { _tag: kind }
  for (const pair of rest === "" ? [] : rest.split(",")) {
    const equals = pair.indexOf("=")
    const key = (equals < 0 ? pair : pair.slice(0, equals)).trim()
    const problem =
      key === "" || (equals < 0 && !truths.has(key))
        ? `expected key=value, not ${JSON.stringify(pair)}`
        : key in raw
          ? "expected once"
          : undefined
    if (problem !== undefined) return Result.fail([{ field: key === "" ? kind : key, problem }])
    raw[key] = valueOf(key, equals < 0 ? "true" : pair.slice(equals + 1).trim())
  }
  return Result.succeed(raw)
}

/** Writes one fault. */
export const write = ({ _tag, ...keys }: Raw): string => {
  const pairs = Object.entries(keys).map(([key, value]) => `${key}=${textOf(value)}`)
  return `${String(_tag)}${pairs.length === 0 ? "" : ":"}${pairs.join(",")}`
}

/** The texts of several faults. */
export const split = (text: string): ReadonlyArray<string> =>
  text
    .split(";")
    .map((one) => one.trim())
    .filter((one) => one !== "")

// What is not one of these stays the text it is, so that an error can show it.
const valueOf = (key: string, text: string): unknown => {
  if (numbers.has(key)) return text === "" || Number.isNaN(Number(text)) ? text : Number(text)
  if (truths.has(key)) return text === "true" ? true : text === "false" ? false : text
  if (key === "groups") return text.split("|").map((group) => group.split("+").map(plain))
  return plain(text)
}

const textOf = (value: unknown): string => {
  if (!Array.isArray(value)) return escaped(String(value))
  return value.map((group: ReadonlyArray<string>) => group.map(escaped).join("+")).join("|")
}

const escaped = (text: string): string =>
  text.replaceAll(/[%,;|+=]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`)

const plain = (text: string): string =>
  text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

const numbers: ReadonlySet<string> = new Set(["p", "nth", "code", "frame", "status", "rate"])
const truths: ReadonlySet<string> = new Set(["keepOpen", "fail", "hold", "keepState", "drain"])
