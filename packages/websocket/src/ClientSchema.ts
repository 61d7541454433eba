/**
 * The kinds of event a client emits, as Schemas. Apart from `Client`, because Schemas are heavy and the browser's path must not carry
 * them.
 *
 * @since 0.1.0
 */
import * as EventSchema from "@holdfast/core/EventSchema"
import * as Schema from "effect/Schema"

/** A connection was lost with messages sent and not confirmed; these are their numbers, from 1 per client. */
export const Uncertain = EventSchema.define("Uncertain", {
  first: Schema.Int,
  last: Schema.Int,
  outcome: Schema.Literals(["dropped", "replayed", "failed"]),
})

/**
 * Messages that wait were given up: the buffer was full and its policy drops, the client is over, or their session is. Told at most
 * once a second.
 */
export const Dropped = EventSchema.define("Dropped", {
  messages: Schema.Int,
  why: Schema.Literals(["full", "over", "session"]),
})
