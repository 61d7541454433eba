/**
 * What sentences about settings are made of: where a value came from, and numbers as people read them.
 */
import * as Bytes from "@holdfast/core/Bytes"
import * as Duration from "effect/Duration"
import type { Resolved } from "./resolve.ts"
import type { Table } from "./setting.ts"
import { type Address, formatAddress, formatDuration } from "./values.ts"

/** A sentence, or nothing where it would not be true. */
export type Sentence = string | false

/** The source of a flag's value in brackets, with a space before it; empty for a default. */
export const sourcesOf =
  <T extends Table>({ sources }: Pick<Resolved<T>, "sources">) =>
  (flag: keyof T): string => {
    const { name } = sources[flag]
    return name === undefined ? "" : ` (from ${name})`
  }

/** One sentence, or some that belong together, in a line each. */
export const lines = (...sentences: ReadonlyArray<Sentence>): string =>
  sentences.flatMap((sentence) => (sentence === false ? [] : [`${sentence}\n`])).join("")

/** An address; port 0 in words. */
export const where = (address: Address): string =>
  address.port === 0 ? `${formatAddress(address).replace(/:0$/, "")} on a free port` : formatAddress(address)

/** A time: `10 s`; a minute is `60 s`, because that is how timeouts are spoken of. */
export const time = (duration: Duration.Duration): string =>
  Duration.toMillis(duration) === 60_000 ? "60 s" : apart(formatDuration(duration))

/** A size: `16 MiB`. */
export const size = (bytes: number): string => apart(Bytes.format(bytes))

/** A whole number: `10,000`. */
export const number = (value: number): string => value.toLocaleString("en-US")

/** A number of things. */
export const many = (value: number, one: string, several: string): string =>
  `${number(value)} ${value === 1 ? one : several}`

const apart = (text: string): string => text.replace(/(\d)([A-Za-z])/, "$1 $2")
