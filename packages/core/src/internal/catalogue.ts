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
  holdfast_connect_duration_seconds: "How long dials took",
  holdfast_connection_attempts_total: "Dials that ended, by how",
  holdfast_connection_duration_seconds: "How long connections lived",
  holdfast_connection_state: "Links to the target that are in the state",
  holdfast_disconnections_total: "Connections that ended, by why",
  holdfast_downtime_seconds: "Time from a loss to the next connection",
  holdfast_health_check_duration_seconds: "How long health checks took",
  holdfast_health_check_total: "Health checks, by how they ended",
  holdfast_next_attempt_timestamp_seconds: "When the next dial may start, in seconds since 1970; 0 when none is due",
  holdfast_open_connections: "Connections that are open",
  holdfast_reconnects_total: "Connections that came after a loss",
} as const

/** A metric of core. */
export type Name = keyof typeof help

/** Its help text. */
export const describe = (name: Name): string => help[name]
