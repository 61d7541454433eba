/**
 * What options must be. A bad one is a defect that names it.
 */
import * as Bytes from "@holdfast/core/Bytes"
import * as Duration from "effect/Duration"
import type { Marks } from "./flow.ts"

export const millis = (input: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(input))

/** A time, in milliseconds. */
export const positive = (name: string, input: Duration.Input): number => {
  const value = millis(input)
  if (!(value > 0)) throw new RangeError(`${name}: expected a time above 0, got ${value} ms`)
  return value
}

export const wholeFrom1 = (name: string, value: number): number => {
  if (!Number.isInteger(value) || value < 1)
    throw new RangeError(`${name}: expected a whole number from 1, got ${value}`)
  return value
}

/** How much a client may hold. */
export const marks = ({
  bytes = "1MiB",
  messages = 1024,
}: {
  readonly messages?: number | undefined
  readonly bytes?: Bytes.Input | undefined
}): Marks => ({
  messages: wholeFrom1("buffer.messages", messages),
  bytes: wholeFrom1("buffer.bytes", Bytes.toNumber(bytes)),
})
