/**
 * Where a run writes its history. The program's own rows come from `History`, those of the network and of faults from the world; nobody
 * writes anything outside a run. Which rows come by themselves says `History.Row`; checks rely on them.
 */
import * as Context from "effect/Context"
import type * as Schema from "effect/Schema"

/** What a row tells. `info` means: maybe it happened. */
export type Kind = "invoke" | "ok" | "fail" | "info" | "net" | "fault" | "state"

/** Takes the rows of one run. */
export class Recorder extends Context.Reference<{
  readonly row: (kind: Kind, host: string, op: string, key: string, value: Schema.Json) => void
}>("@holdfast/testing/Recorder", { defaultValue: () => ({ row: () => {} }) }) {}

/** Which host a fiber runs on; `""` is none. */
export class Here extends Context.Reference<string>("@holdfast/testing/Here", { defaultValue: () => "" }) {}
