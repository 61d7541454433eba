/**
 * References of `@holdfast/core` that a run replaces, declared again under the same keys: `testing` imports nothing of ours.
 * A test compares keys and shapes. `Events` stays what it is, a no-op until the program provides a hub.
 */
import * as Context from "effect/Context"

/** Where ids and tokens come from: seeded per run. */
export class Entropy extends Context.Reference<{
  readonly bytes: (count: number) => Uint8Array
}>("@holdfast/core/Entropy", {
  defaultValue: () => ({ bytes: () => new Uint8Array() }),
}) {}

/** The list of live things: a fresh one per run. What a probe is, only core knows. */
export interface Registry<Probe> {
  readonly probes: () => Iterable<Probe>
  readonly add: (probe: Probe) => () => void
}

/** An empty list. */
export const registry = <Probe>(): Registry<Probe> => {
  const probes = new Set<Probe>()
  return {
    probes: () => probes,
    add: (probe) => {
      probes.add(probe)
      return () => void probes.delete(probe)
    },
  }
}

/** Where live things are listed. */
export class Telemetry extends Context.Reference<Registry<unknown>>("@holdfast/core/Telemetry", {
  defaultValue: () => registry(),
}) {}

/** What a fiber is called in reports. */
export class Name extends Context.Reference<string | undefined>("@holdfast/testing/Sim/Name", {
  defaultValue: () => undefined,
}) {}
