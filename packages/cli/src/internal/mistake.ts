/**
 * What is wrong with a command line, in one line: which flag or word, what was expected and what was given.
 */
import type * as CliError from "effect/cli/CliError"
import { got } from "./failure.ts"
import { didYouMean } from "./nearest.ts"
import type { Table } from "./setting.ts"
import { tables } from "./tables.ts"

/** The line. */
export const describe = (error: CliError.CliError, path: ReadonlyArray<string> = []): string => {
  switch (error._tag) {
    case "ShowHelp": {
      const [first] = error.errors
      return first === undefined ? expectedCommand : describe(first, error.commandPath)
    }
    case "UnrecognizedOption": {
      const known = Object.keys(tableOf(error.command ?? path)).map((flag) => `--${flag}`)
      return `unknown flag ${error.option}${didYouMean(error.option, [...known, "--help", "--version"])}`
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
      return invalid(error, path)
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

const invalid = ({ expected, kind, option, value }: CliError.InvalidValue, path: ReadonlyArray<string>): string => {
  if (kind === "argument") return `expected ${words(Object.keys(tables))} after ${path.join(" ")}, got ${got(value)}`
  if (/^\d+ occurrences$/.test(value)) return `--${option}: given more than once`
  return `--${option}: expected ${tableOf(path)[option]?.expected ?? expected}, got ${got(value)}`
}
