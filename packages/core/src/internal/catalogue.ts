/**
 * What the metrics of core mean, in a sentence each: the help text of a scrape.
 */

const help = {
  holdfast_backoff_delay_seconds: "Time from a failed dial to the earliest next one",
  holdfast_breaker_calls_total: "Calls of a breaker by outcome; a slow one is a success or a failure, too",
  holdfast_breaker_failure_ratio: "Share of failures among the calls that the breaker's windows see",
  holdfast_breaker_slow_ratio: "Share of slow calls among those that the breaker's windows see",
  holdfast_breaker_state: "Breakers of the name that are in the state",
  holdfast_breaker_store_failures_total: "Questions that the store of a shared breaker did not answer",
  holdfast_breaker_transitions_total: "Changes of state, by from where to where, and why",
  holdfast_budget_exhausted_total: "Retries and hedges that the budget did not allow",
  holdfast_bulkhead_calls_total:
    "Calls of a bulkhead by outcome: let through, refused because it was full, or after they waited",
  holdfast_bulkhead_running: "Calls that a bulkhead has let through and that have not ended",
  holdfast_bulkhead_waiting: "Calls that wait for a place",
  holdfast_connect_duration_seconds: "How long dials took",
  holdfast_connection_attempts_total: "Dials that ended, by how",
  holdfast_connection_duration_seconds: "How long connections lived",
  holdfast_connection_state: "Links to the target that are in the state",
  holdfast_disconnections_total: "Connections that ended, by why",
  holdfast_downtime_seconds: "Time from a loss to the next connection",
  holdfast_health_check_duration_seconds: "How long health checks took",
  holdfast_health_check_total: "Health checks, by how they ended",
  holdfast_endpoints: "Members of a watched set, by health",
  holdfast_hedges_total: "Second copies of calls, by what became of them",
  holdfast_next_attempt_timestamp_seconds: "When the next dial may start, in seconds since 1970; 0 when none is due",
  holdfast_open_connections: "Connections that are open",
  holdfast_outlier_ejections_total:
    "Members that a detector found bad; `enforced` says whether they were taken out of use",
  holdfast_reconnects_total: "Connections that came after a loss",
  holdfast_retry_attempts: "Attempts that calls took which may be retried",
  holdfast_retry_delay_seconds: "Time from a failed attempt to the next one",
} as const

/** A metric of core. */
export type Name = keyof typeof help

/** Its help text. */
export const describe = (name: Name): string => help[name]
