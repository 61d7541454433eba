/**
 * Where a run writes its history. The program's own rows come from `History`, those of the network and of faults from the world; nobody
 * writes anything outside a run.
 *
 * Rows of the world, which checks rely on:
 *
 * | kind | op | host | key | value |
 * | --- | --- | --- | --- | --- |
 * | `net` | `dial` | who dials | the connection, one name for all of its rows | `{ "to": "server:80" }` |
 * | `net` | `connect` | each end, once it is open | the connection | `null` |
 * | `net` | `refuse` | who dialled | the connection | a word about why |
 * | `net` | `close` | each end, once it has ended; a dial that was given up, too | the connection | `{ "code", "reason" }` where there is one |
 * | `fault` | its `_tag` | | the link or host | the fault |
 * | `fault` | `end` | | the link or host | the fault that is over |
 * | `fault` | `heal` | | | `null`: everything is well again |
 * | `state` | `left` | | the fiber, once the program has ended | where it is |
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
