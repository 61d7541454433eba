/**
 * The time for measuring and waiting: it neither jumps nor runs backwards, whatever is done to the system's clock.
 */
import type * as Clock from "effect/Clock"

/** Whole milliseconds since some moment. */
export const millis = (clock: Clock.Clock): number => Math.round(Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
