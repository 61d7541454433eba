/**
 * What a program's settings are in the end, and where each came from: flags, then `HOLDFAST_*` variables, then the config file,
 * then the defaults. Combinations that make no sense are the programs' own business.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ConfigFile from "./configFile.ts"
import { got, UsageError } from "./failure.ts"
import * as Process from "./process.ts"
import { type Setting, type Table, type Values, variable } from "./setting.ts"
import { type ProgramName, tables } from "./tables.ts"

/** Where a value came from. */
export interface Source {
  /** As people name it; `undefined` for the default. */
  readonly name: string | undefined
  /** As an error begins. */
  readonly where: string
}

/** The settings of a program in effect. */
export interface Resolved<T extends Table> {
  readonly values: Values<T>
  readonly sources: { readonly [F in keyof T]: Source }
}

/** Texts and switches of the command line by flag. */
export type Given = Readonly<Record<string, string | boolean | undefined>>

/** The settings of the program, from the command line, the environment and the config file that these name. */
export const resolve = Effect.fnUntraced(function* <P extends ProgramName>(program: P, flags: Given) {
  const { env } = yield* Process.Process
  const table: Table = tables[program]
  const outside = (flag: string) => find(flag, table[flag]!, flags, env, undefined)
  const path = yield* decode(outside("config"), table["config"]!)
  const file = typeof path === "string" ? yield* ConfigFile.read(path, program) : undefined
  const values: Record<string, unknown> = {}
  const sources: Record<string, Source> = {}
  for (const [flag, setting] of Object.entries(table)) {
    const found = find(flag, setting, flags, env, file)
    if (found === undefined && Option.isNone(setting.absent)) return yield* missing(flag, setting)
    values[flag] = found === undefined ? Option.getOrUndefined(setting.absent) : yield* decode(found, setting)
    sources[flag] = found ?? { name: undefined, where: `--${flag}` }
  }
  // Every flag of the table got a value that its own setting decoded.
  return { values, sources } as Resolved<(typeof tables)[P]>
})

interface Found extends Source {
  readonly raw: unknown
}

const find = (
  flag: string,
  { places }: Setting<unknown>,
  flags: Given,
  env: Process.Shape["env"],
  file: ConfigFile.ConfigFile | undefined,
): Found | undefined => {
  const text = flags[flag]
  if (text !== undefined) return { raw: text, name: `--${flag}`, where: `--${flag}` }
  const name = variable(flag)
  const value = env[name] ?? ""
  if (places.env && value !== "") return { raw: value, name, where: name }
  if (file === undefined || !places.file || !Object.hasOwn(file.entries, flag)) return undefined
  return { raw: file.entries[flag], name: file.path, where: `config ${file.path}: ${flag}` }
}

const decode = (found: Found | undefined, setting: Setting<unknown>): Effect.Effect<unknown, UsageError> => {
  if (found === undefined) return Effect.succeed(undefined)
  const value = setting.decode(found.raw)
  const message = `${found.where}: expected ${setting.expected}, got ${got(found.raw)}`
  return Option.isSome(value) ? Effect.succeed(value.value) : Effect.fail(new UsageError({ message }))
}

const missing = (flag: string, { expected }: Setting<unknown>) =>
  new UsageError({
    message: `--${flag} is required: expected ${expected}; ${variable(flag)} and the config file can give it too`,
  })
