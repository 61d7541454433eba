/**
 * The defaults the code really uses, by program and flag, for the comparison with what documents print.
 * The one place that knows where the command line keeps its settings.
 */
import type { Defaults } from "./rules/defaults.ts"

/** Every program of the command line with its flags. */
export const codeDefaults = (): Readonly<Record<string, Defaults>> => ({})
