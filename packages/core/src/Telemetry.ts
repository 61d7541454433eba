/**
 * The list of live things. Each registers how to describe itself; nobody asks until someone looks, so it costs nothing.
 * The shapes of the rows live on the ground floor: packages above fill them, `dashboard` shows them, neither knows the other.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Measures from "./internal/measures.ts"
import type * as TelemetrySchema from "./TelemetrySchema.ts"

/** Anything the status page can show. */
export type Row = typeof TelemetrySchema.Row.Type

/** A number that hot code keeps in a plain field, read when somebody scrapes or exports. */
export interface Measure {
  /** The metric's full name, unit included: `holdfast_messages_total`. */
  readonly name: string
  /** What it counts, in a sentence: the help text of a scrape. Default: none. */
  readonly description?: string | undefined
  /** A counter only grows; a gauge may fall. */
  readonly type: "counter" | "gauge"
  /** Labels. Measures of equal name and labels are added up. */
  readonly attributes: Readonly<Record<string, string>>
  /** The number now. Plain. */
  readonly value: () => number
}

/** One live thing. */
export interface Probe {
  /** Describes it now. Plain code, called only when someone looks. */
  readonly row: () => Row
  /** What is only of interest to who looks at this one: `/api/sessions/:id` shows it with the row. Default: nothing more. */
  readonly detail?: (() => Readonly<Record<string, unknown>>) | undefined
  /** Its metrics. */
  readonly measures?: ReadonlyArray<Measure> | undefined
  /** Buttons on the page: `reconnect`, `drain`, `isolate`, `release`. */
  readonly actions?: Readonly<Record<string, Effect.Effect<void>>> | undefined
}

/** The list. */
export interface Registry {
  /** Everything alive now, oldest first. */
  readonly probes: () => Iterable<Probe>
  /** Adds one; the answer removes it. */
  readonly add: (probe: Probe) => () => void
}

/** The list. A reference: one per process, a fresh one wherever a test provides it. */
export class Telemetry extends Context.Reference<Registry>("@holdfast/core/Telemetry", {
  defaultValue: () => make(),
}) {}

/** An empty list. */
export const make = (): Registry => {
  const probes = new Set<Probe>()
  return {
    probes: () => probes,
    add: (probe) => {
      probes.add(probe)
      return () => void probes.delete(probe)
    },
  }
}

/** Lists a probe until the scope closes; its metric series go with it. */
export const register = (probe: Probe): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.contextWith((context: Context.Context<never>) => Effect.sync(() => registerUnsafe(context, probe))),
      (remove) => Effect.sync(remove),
    ),
  )

/** Keeps measures in Effect's metric registry until the scope closes: for somebody who has numbers, and no row of their own. */
export const measure = (measures: ReadonlyArray<Measure>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.contextWith((context: Context.Context<never>) => Effect.sync(() => Measures.add(context, measures))),
      (remove) => Effect.sync(remove),
    ),
  )

/** `register` for plain code that has no scope: the answer takes the probe and its series off again. */
export const registerUnsafe = (context: Context.Context<never>, probe: Probe): (() => void) => {
  const remove = Context.get(context, Telemetry).add(probe)
  const forget = probe.measures === undefined ? undefined : Measures.add(context, probe.measures)
  return () => {
    remove()
    forget?.()
  }
}

/** A list of its own, for tests and for several programs in one process. */
export const layer: Layer.Layer<never> = /* @__PURE__ */ Layer.sync(Telemetry, make)
