/**
 * Reads a config file, JSON or YAML, and finds the settings of one program in it: at the top level, or below the program's name.
 * Values are not looked at here; unknown keys are errors.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import { parseDocument } from "yaml"
import { UsageError } from "./failure.ts"
import { didYouMean } from "./nearest.ts"
import { type ProgramName, tables } from "./tables.ts"
import type { Table } from "./setting.ts"

/** What a file says about a program. */
export interface ConfigFile {
  readonly path: string
  readonly entries: Readonly<Record<string, unknown>>
}

/** Reads the file. */
export const read = Effect.fnUntraced(function* (path: string, program: ProgramName) {
  const files = yield* FileSystem.FileSystem
  const text = yield* files
    .readFileString(path)
    .pipe(Effect.mapError((error) => wrong(path, `cannot be read: ${whyNot(error)}`)))
  return yield* parse(path, text, program)
})

/** Reads the text of the file. */
export const parse = Effect.fnUntraced(function* (path: string, text: string, program: ProgramName) {
  const document = parseDocument(text)
  const [problem] = document.errors
  if (problem !== undefined) {
    const why = problem.message.replace(/ at line \d+, column \d+:[\s\S]*$/, "")
    return yield* wrong(path, `line ${problem.linePos?.[0].line ?? 1}: ${why}`)
  }
  const content = yield* Effect.try({
    try: (): unknown => document.toJS(),
    catch: (error) => wrong(path, error instanceof Error ? error.message : String(error)),
  })
  const top = content ?? {}
  if (!isMapping(top)) return yield* wrong(path, "expected a mapping of settings at the top")
  const section = top[program] ?? {}
  if (!isMapping(section)) return yield* wrong(path, `${program}: expected a mapping of settings`)
  const { [program]: _, ...own } = top
  const outer = Object.entries(own).filter(([key]) => !isProgram(key))
  for (const [key] of [...outer, ...Object.entries(section)]) {
    if (!keysOf(tables[program]).includes(key)) return yield* unknownKey(path, key, program)
  }
  return { path, entries: { ...Object.fromEntries(outer), ...section } } satisfies ConfigFile
})

/** Why a file could not be read, in few words. */
export const whyNot = ({ reason }: PlatformError.PlatformError): string => {
  if (reason._tag === "NotFound") return "no such file"
  if (reason._tag === "PermissionDenied") return "permission denied"
  return reason.description ?? reason.message
}

const keysOf = (table: Table): ReadonlyArray<string> => Object.keys(table).filter((flag) => table[flag]!.places.file)

const isProgram = (key: string): key is ProgramName => Object.hasOwn(tables, key)

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const unknownKey = (path: string, key: string, program: ProgramName): UsageError => {
  const owner = Object.keys(tables).find((name) => isProgram(name) && keysOf(tables[name]).includes(key))
  const hint =
    owner === undefined
      ? didYouMean(key, keysOf(tables[program]))
      : `; ${owner} has it, so put it below ${JSON.stringify(owner)}`
  return wrong(path, `unknown key ${JSON.stringify(key)}${hint}`)
}

const wrong = (path: string, why: string): UsageError => new UsageError({ message: `config ${path}: ${why}` })
