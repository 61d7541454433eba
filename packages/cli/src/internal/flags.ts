/**
 * A table of settings as flags of `effect/cli`. All are optional there, texts or switches: what a value means, and that one is missing, is decided
 * when variables and the config file have been looked at too.
 */
import type * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import type { Given } from "./resolve.ts"
import type { Setting, Table } from "./setting.ts"

/** The flags of a program, in the order of its table. */
export const flagsOf = (table: Table): Flags =>
  Object.fromEntries(Object.entries(table).map(([name, setting]) => [name, flagOf(name, setting)]))

/** What was given on the command line. */
export const givenIn = (input: Parsed): Given =>
  Object.fromEntries(
    Object.entries(input).map(([name, value]) => [name, Option.getOrUndefined<string | boolean>(value)]),
  )

/** Flags by name. */
export type Flags = Readonly<Record<string, Flag.Flag<Option.Option<boolean>> | Flag.Flag<Option.Option<string>>>>

/** Flags, parsed. */
export type Parsed = Command.Command.Config.Infer<Flags>

const flagOf = (name: string, setting: Setting<unknown>): Flags[string] =>
  setting.metavar === ""
    ? Flag.Boolean(name).pipe(Flag.withoutNegation, Flag.withDescription(described(setting)), Flag.optional)
    : Flag.String(name).pipe(Flag.withMetavar(setting.metavar), Flag.withDescription(described(setting)), Flag.optional)

const described = (setting: Setting<unknown>): string => `${setting.description}${suffix(setting)}`

const suffix = ({ absent, default: standard }: Setting<unknown>): string => {
  if (Option.isNone(absent)) return " (required)"
  return standard === "-" ? "" : ` (default: ${standard})`
}
