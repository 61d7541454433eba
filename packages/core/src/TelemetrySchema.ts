/**
 * The shapes of what `Telemetry` can show, as Schemas. Apart from `Telemetry` because Schemas are heavy and the browser's path
 * must not carry them.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { BreakerState } from "./EventSchema.ts"

/** gRPC's words, for every kind of connection. */
export const Connectivity = Schema.Literals(["Idle", "Connecting", "Ready", "TransientFailure", "Shutdown"])

/** A connection somebody supervises. */
export const LinkRow = Schema.TaggedStruct("Link", {
  program: Schema.String,
  target: Schema.String,
  state: Connectivity,
  refs: Schema.Int,
  attempts: Schema.Int,
  lastError: Schema.NullOr(Schema.String),
})

/** A session of the proxy. */
export const SessionRow = Schema.TaggedStruct("Session", {
  id: Schema.String,
  state: Schema.Literals(["Active", "ClientAway", "UpstreamAway", "Closing"]),
  clientConnected: Schema.Boolean,
  upstreamState: Connectivity,
  bufferedMessages: Schema.Int,
  bufferedBytes: Schema.Int,
  resumes: Schema.Int,
})

/** A breaker, or all that a map of breakers holds: the worst of their states, their numbers added up. */
export const BreakerRow = Schema.TaggedStruct("Breaker", {
  program: Schema.String,
  target: Schema.String,
  state: BreakerState,
  /** Breakers: 1, or the keys of a map. */
  count: Schema.Int,
  succeeded: Schema.Int,
  failed: Schema.Int,
  refused: Schema.Int,
  /** Why it changed last. */
  why: Schema.NullOr(Schema.String),
})

/** A line of `/readyz`. */
export const CheckRow = Schema.TaggedStruct("Check", { name: Schema.String, ok: Schema.Boolean, why: Schema.String })

/** Anything the status page can show. */
export const Row = Schema.Union([LinkRow, SessionRow, BreakerRow, CheckRow])
