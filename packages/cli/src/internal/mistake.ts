/**
 * What is wrong with a command line, in one line: which flag or word, what was expected and what was given.
 */
import type * as CliError from "effect/cli/CliError"
import { got, shown } from "./failure.ts"
import { didYouMean } from "./nearest.ts"
import type { Table } from "./setting.ts"
import { tables } from "./tables.ts"

/** The line; the arguments are those of the command line. */
export const describe = (
  error: CliError.CliError,
  args: ReadonlyArray<string>,
  path: ReadonlyArray<string> = [],
): string => {
  switch (error._tag) {
    case "ShowHelp": {
      const [first] = error.errors
      return first === undefined ? expectedCommand : describe(first, args, error.commandPath)
    }
    case "UnrecognizedOption": {
      const known = [...Object.keys(tableOf(error.command ?? path)), "help", "version"]
      return `unknown flag ${error.option}${didYouMean(error.option.replace(/^-+/, ""), known, "--")}`
    }
    case "MissingOption":
      return `--${error.option} is required`
    case "MissingArgument":
      return `expected ${words(Object.keys(tables))} after ${path.join(" ")}`
    case "UnexpectedArgument":
      return `unexpected ${error.arguments.map(got).join(", ")}; the values of flags follow their flags`
    case "UnknownSubcommand":
      return `unknown command ${got(error.subcommand)}${didYouMean(error.subcommand, commands) || `; ${expectedCommand}`}`
    case "InvalidValue":
      return invalid(error, args, path)
    default:
      return error.message
  }
}

const commands = [...Object.keys(tables), "check-config"]

const words = (list: ReadonlyArray<string>): string => `${list.slice(0, -1).join(", ")} or ${list.at(-1)}`

const expectedCommand = `expected a command: ${words(commands)}; holdfast --help says more`

const tableOf = (path: ReadonlyArray<string>): Table => {
  const [program] = path.slice(1)
  const found = Object.entries(tables).find(([name]) => name === program)
  return found === undefined ? {} : found[1]
}

const invalid = (
  { expected, kind, option, value }: CliError.InvalidValue,
  args: ReadonlyArray<string>,
  path: ReadonlyArray<string>,
): string => {
  if (kind === "argument") return `expected ${words(Object.keys(tables))} after ${path.join(" ")}, got ${got(value)}`
  if (/^\d+ occurrences$/.test(value)) return `--${option}: given more than once`
  const table = tableOf(path)
  const likeFlag = value === "" ? valueLikeFlag(option, args, table) : undefined
  const given = likeFlag === undefined ? got(value) : taken(option, likeFlag)
  return `--${option}: expected ${table[option]?.expected ?? expected}, got ${given}`
}

const taken = (option: string, value: string): string =>
  `${got(value)}, which was taken for a flag; such a value is written --${option}=${shown(value)}`

// What stands behind a flag that got no value, and is no flag of ours: most likely it was to be the value.
const valueLikeFlag = (option: string, args: ReadonlyArray<string>, table: Table): string | undefined => {
  const next = args[args.indexOf(`--${option}`) + 1] ?? ""
  const [, name = ""] = /^--([^=]+)/.exec(next) ?? []
  return args.includes(`--${option}`) && /^--?[^-]/.test(next) && !Object.hasOwn(table, name) ? next : undefined
}
