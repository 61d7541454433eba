/**
 * Options that cannot work are refused where they are given, by their name.
 */
import * as Duration from "effect/Duration"

/** A name: some text. */
export const name = (field: string, value: string): string => {
  if (typeof value === "string" && value !== "") return value
  throw new RangeError(`${field} must be a text that is not empty, got ${String(value)}`)
}

/** A list of at least one. */
export const list = <A>(field: string, value: ReadonlyArray<A>): ReadonlyArray<A> => {
  if (Array.isArray(value) && value.length > 0) return value
  throw new RangeError(`${field} must be a list that is not empty: without any, nothing would ever happen`)
}

/** A whole number of at least so much. */
export const whole = (field: string, value: number, least: number): number => {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new RangeError(`${field} must be a whole number of at least ${least}, got ${value}`)
}

/** A share: above 0, at most 1. */
export const share = (field: string, value: number): number => {
  if (typeof value === "number" && value > 0 && value <= 1) return value
  throw new RangeError(`${field} must be above 0 and at most 1, got ${value}`)
}

/** A number within bounds, both included. */
export const within = (field: string, value: number, least: number, most: number): number => {
  if (typeof value === "number" && value >= least && value <= most) return value
  throw new RangeError(`${field} must be from ${least} to ${most}, got ${value}`)
}

/** A finite time in milliseconds, longer than nothing. */
export const time = (field: string, value: Duration.Input): number => {
  const millis = timeOrNone(field, value)
  if (millis > 0) return millis
  throw new RangeError(`${field} must be longer than 0, got ${millis} ms`)
}

/** A finite time in milliseconds; may be nothing. */
export const timeOrNone = (field: string, value: Duration.Input): number => {
  const duration = Duration.fromInput(value)
  const millis = duration._tag === "Some" ? Duration.toMillis(duration.value) : Number.NaN
  if (millis >= 0 && millis < Infinity) return millis
  throw new RangeError(`${field} must be a finite time, got ${String(value)}`)
}
