/**
 * The kinds of event as Schemas, and `define` for kinds of your own. Apart from `Events` because Schemas are heavy
 * and the browser's path must not carry them.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const about = { at: Schema.Number, program: Schema.String, target: Schema.String }

/** A kind of event: `export const Resumed = EventSchema.define("Resumed", { session: Schema.String })`. */
export const define = <const Kind extends string, const Fields extends Schema.Struct.Fields>(
  kind: Kind,
  fields: Fields,
) => Schema.TaggedStruct(kind, { ...about, ...fields })

/** A dial begins. */
export const Connecting = define("Connecting", { attempt: Schema.Int })

/** A dial succeeded; `downMillis` since the connection before it was lost, `null` for the first. */
export const Connected = define("Connected", {
  attempt: Schema.Int,
  tookMillis: Schema.Number,
  downMillis: Schema.NullOr(Schema.Number),
})

/** How a dial can end, in few words: the `result` label of `holdfast_connection_attempts_total`. */
export const Result = Schema.Literals(["ok", "refused", "timeout", "reset", "tls", "auth", "dns", "cancelled", "other"])

/** A dial failed; `null` when nothing will dial again by itself. */
export const Failed = define("Failed", {
  attempt: Schema.Int,
  tookMillis: Schema.Number,
  result: Result,
  why: Schema.String,
  retryInMillis: Schema.NullOr(Schema.Number),
})

/** Why a connection ended, in few words: the `reason` label of `holdfast_disconnections_total`. */
export const Reason = Schema.Literals([
  "goaway",
  "reset",
  "timeout",
  "keepalive",
  "local",
  "close_1xxx",
  "close_3xxx",
  "close_4xxx",
])

/** A connection went away. */
export const Lost = define("Lost", { reason: Reason, why: Schema.String, upMillis: Schema.Number })

/** The verdict about a peer's health changed. */
export const Health = define("Health", {
  status: Schema.Literals(["Unknown", "Serving", "NotServing"]),
  why: Schema.String,
})

/** Where a breaker stands. */
export const BreakerState = Schema.Literals(["Closed", "Open", "HalfOpen", "Isolated"])

/** What made a breaker change, in few words: the `reason` label of `holdfast_breaker_transitions_total`. */
export const BreakerReason = Schema.Literals([
  "consecutive",
  "count_window",
  "time_window",
  "slow_calls",
  "forced",
  "elapsed",
  "probe",
  "probe_succeeded",
  "probe_failed",
  "probe_timeout",
  "isolated",
  "released",
  "reset",
  "shared",
])

/** A breaker changed; `openForMillis` is `null` unless it opened. The target is the breaker's name. */
export const Breaker = define("Breaker", {
  from: BreakerState,
  to: BreakerState,
  reason: BreakerReason,
  why: Schema.String,
  openForMillis: Schema.NullOr(Schema.Number),
})

/** A retry budget allowed no more. At most once a second. */
export const Exhausted = define("Exhausted", { kind: Schema.Literals(["retry", "hedge"]) })

/** A bulkhead refused a call. At most once a second. */
export const Full = define("Full", { running: Schema.Int, waiting: Schema.Int })

/** How a member of a set was found bad: the `method` label of `holdfast_outlier_ejections_total`. */
export const OutlierMethod = Schema.Literals(["consecutive", "success_rate", "failure_percentage"])

/** A member of a set is not to be used for a while. The target is the set. */
export const Ejected = define("Ejected", {
  member: Schema.String,
  method: OutlierMethod,
  why: Schema.String,
  forMillis: Schema.Number,
})

/** It may be used again. */
export const Admitted = define("Admitted", { member: Schema.String, why: Schema.String })

/** A program closes what is open. */
export const Draining = define("Draining", { open: Schema.Int })

/** The program has closed everything; `cut` of them did not say goodbye in time. */
export const Drained = define("Drained", { closed: Schema.Int, cut: Schema.Int })

/** This reader was too slow for so many events. */
export const Lagged = define("Lagged", { missed: Schema.Int })

/** Every kind that core itself emits. The union is open: read unknown tags as `Events.Event`. */
export const Known = Schema.Union([
  Connecting,
  Connected,
  Failed,
  Lost,
  Health,
  Breaker,
  Exhausted,
  Full,
  Ejected,
  Admitted,
  Draining,
  Drained,
  Lagged,
])
