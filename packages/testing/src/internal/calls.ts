/**
 * The sequence of operations of a run, where an exploration has drawn one.
 */
import * as Context from "effect/Context"
import type { Call } from "../Commands.ts"

/** What `Commands.play` does; nothing outside an exploration. */
export class Calls extends Context.Reference<ReadonlyArray<Call> | undefined>("@holdfast/testing/Calls", {
  defaultValue: () => undefined,
}) {}
