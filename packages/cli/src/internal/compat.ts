/**
 * The defaults that `--compat` changes. What it does beside that is the proxy's business.
 */
import * as Bytes from "@holdfast/core/Bytes"
import type { Resolved } from "./resolve.ts"
import * as Tables from "./tables.ts"

/** The source of a default that it changed. */
export const here = "--compat"

type Settings = Resolved<typeof Tables.proxy>

/** The settings with those defaults, where `--compat` is on and nobody said otherwise. */
export const compatible = (settings: Settings): Settings => {
  const { sources, values } = settings
  if (values.compat === "off") return settings
  const flags = (["max-message", "memory"] as const).filter((flag) => sources[flag].name === undefined)
  const because = (flag: string) => ({ name: here, where: `--${flag}` })
  return {
    values: {
      ...values,
      ...Object.fromEntries(flags.map((flag) => [flag, Bytes.toNumber(Tables.compatDefaults[flag])])),
    },
    sources: { ...sources, ...Object.fromEntries(flags.map((flag) => [flag, because(flag)])) },
  }
}
