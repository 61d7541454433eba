/**
 * The refusals of policies and what a breaker knows, as Schemas: for wires and files. Apart from their modules because Schemas are
 * heavy.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/** `Breaker.BreakerError`. */
export const BreakerError = Schema.TaggedStruct("BreakerError", {
  reason: Schema.Union([
    Schema.TaggedStruct("Open", { breaker: Schema.String, retryAfter: Schema.Duration }),
    Schema.TaggedStruct("Isolated", { breaker: Schema.String, why: Schema.String, retryAfter: Schema.Duration }),
  ]),
})

/** `Bulkhead.BulkheadFull`. */
export const BulkheadFull = Schema.TaggedStruct("BulkheadFull", {
  bulkhead: Schema.String,
  retryAfter: Schema.Duration,
})

/** `Breaker.Snapshot`. */
export const Snapshot = Schema.Struct({
  state: Schema.Literals(["Closed", "Open", "HalfOpen"]),
  openUntil: Schema.NullOr(Schema.Number),
  openings: Schema.Int,
  openForMillis: Schema.Number,
  windows: Schema.Array(Schema.Array(Schema.Number)),
})
