/**
 * Finds rows and their actions in `Telemetry` by what an operator types: a kind in any case, and an id.
 */
import type * as Telemetry from "@holdfast/core/Telemetry"
import * as TelemetrySchema from "@holdfast/core/TelemetrySchema"
import type * as Effect from "effect/Effect"

/** A row, and the thing it describes. */
export interface Found {
  readonly row: Telemetry.Row
  readonly probe: Telemetry.Probe
}

/** Every kind of row there is. */
export const kinds: ReadonlyArray<string> = TelemetrySchema.Row.members.map((row) => row.fields._tag.schema.literal)

/** What is alive of a kind, oldest first; `undefined` when there is no such kind. */
export const ofKind = (registry: Telemetry.Registry, kind: string): ReadonlyArray<Found> | undefined => {
  const wanted = kind.toLowerCase()
  const found = Array.from(registry.probes(), (probe) => ({ row: probe.row(), probe })).filter(
    ({ row }) => row._tag.toLowerCase() === wanted,
  )
  return found.length > 0 || kinds.some((known) => known.toLowerCase() === wanted) ? found : undefined
}

/** The name an operator uses for a row. */
export const idOf = (row: Telemetry.Row): string => ("id" in row ? row.id : "target" in row ? row.target : row.name)

/** The row without the name of its kind. */
export const fieldsOf = ({ _tag: _, ...fields }: Telemetry.Row): object => fields

/** The same, with what only this one's own page shows. */
export const detailOf = ({ probe, row }: Found): object => ({ ...fieldsOf(row), ...probe.detail?.() })

/** The action of that name of each of them; names come from a URL, so only own properties count. */
export const actionsOf = (found: ReadonlyArray<Found>, action: string): ReadonlyArray<Effect.Effect<void>> =>
  found.flatMap(({ probe: { actions = {} } }) => (Object.hasOwn(actions, action) ? (actions[action] ?? []) : []))
