/**
 * The defaults the code really uses, by program and flag, for the comparison with what documents print.
 * The one place that knows where the command line keeps its settings.
 */
import { programs } from "holdfast/Settings"
import type { Defaults } from "./rules/defaults.ts"

/** Every program of the command line with its flags; `undefined` for a flag without a default. */
export const codeDefaults = (): Readonly<Record<string, Defaults>> =>
  Object.fromEntries(Object.entries(programs).map(([program, flags]) => [program, defaultsOf(flags)]))

const defaultsOf = (flags: (typeof programs)[keyof typeof programs]): Defaults =>
  Object.fromEntries(flags.map((one) => [one.flag, one.default === "-" ? undefined : one.default]))
