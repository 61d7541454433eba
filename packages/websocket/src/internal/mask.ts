/**
 * The mask that clients put over what they send (RFC 6455 5.3). By `bufferutil` where that is installed; otherwise four bytes at once.
 */
import { createRequire } from "node:module"
import * as Result from "effect/Result"

/** Masks `source` into `output` at that offset; unmasks as well. */
export type Mask = (source: Uint8Array, key: Uint8Array, output: Uint8Array, at: number, length: number) => void

/** In place, where the bytes are the caller's. */
export type Unmask = (bytes: Uint8Array, key: Uint8Array) => void

const little = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/** In plain code. */
export const plainUnmask: Unmask = (bytes, key) => {
  const { byteLength: length, byteOffset } = bytes
  // Short ones, and what comes before the first whole word and behind the last.
  const lead = length < 32 || !little ? length : -byteOffset & 3
  for (let at = 0; at < lead; at++) bytes[at]! ^= key[at & 3]!
  if (lead === length) return
  const words = new Uint32Array(bytes.buffer, byteOffset + lead, (length - lead) >>> 2)
  const word =
    (key[lead & 3]! | (key[(lead + 1) & 3]! << 8) | (key[(lead + 2) & 3]! << 16) | (key[(lead + 3) & 3]! << 24)) >>> 0
  for (let at = 0; at < words.length; at++) words[at]! ^= word
  for (let at = lead + words.length * 4; at < length; at++) bytes[at]! ^= key[at & 3]!
}

/** In plain code. */
export const plainMask: Mask = (source, key, output, at, length) => {
  output.set(length === source.byteLength ? source : source.subarray(0, length), at)
  plainUnmask(output.subarray(at, at + length), key)
}

interface Native {
  readonly mask: Mask
  readonly unmask: Unmask
}

// The variable is the one by which `ws`, whose companion it is, leaves it alone.
const native =
  process.env["WS_NO_BUFFER_UTIL"] === undefined
    ? Result.getOrUndefined(Result.try(() => createRequire(import.meta.url)("bufferutil") as Native))
    : undefined

/** Calling out costs more than a short one. */
const short = 64

export const mask: Mask =
  native === undefined
    ? plainMask
    : (source, key, output, at, length) =>
        length < short ? plainMask(source, key, output, at, length) : native.mask(source, key, output, at, length)

export const unmask: Unmask =
  native === undefined
    ? plainUnmask
    : (bytes, key) => (bytes.byteLength < short ? plainUnmask(bytes, key) : native.unmask(bytes, key))
