/**
 * Where ids and tokens come from. A reference, like `Clock`: the system's secure source, seeded in the simulator.
 * Not for jitter and sampling: those use Effect's `Random`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"

/** The source of unpredictable bytes. */
export class Entropy extends Context.Reference<{
  /** Fresh random bytes. Plain. */
  readonly bytes: (count: number) => Uint8Array
}>("@holdfast/core/Entropy", {
  defaultValue: () => ({ bytes: pooled() }),
}) {}

/** A short id for people and logs, in lower case hex. Default `8` bytes. */
export const id = (bytes = 8): Effect.Effect<string> => Effect.map(Entropy, (source) => toHex(source.bytes(bytes)))

/** A secret in base64url. Default `32` bytes. */
export const token = (bytes = 32): Effect.Effect<Redacted.Redacted<string>> =>
  Effect.map(Entropy, (source) => Redacted.make(toBase64Url(source.bytes(bytes))))

/** Compares in a time that depends on the lengths only, never on where they differ. */
export const same = (a: Redacted.Redacted<string>, b: Redacted.Redacted<string>): boolean => {
  const [left, right] = [Redacted.value(a), Redacted.value(b)]
  let difference = left.length ^ right.length
  for (let i = 0; i < left.length; i++) difference |= left.charCodeAt(i) ^ right.charCodeAt(i % (right.length || 1))
  return difference === 0
}

/** The same bytes for the same seed, for tests. Predictable by design: never in production. */
export const layerSeeded = (seed: number): Layer.Layer<never> => Layer.sync(Entropy, () => seeded(seed))

// splitmix32 (Steele, Lea, Flood 2014, the 32-bit variant): small, full period, good enough to tell ids apart.
const seeded = (seed: number): { readonly bytes: (count: number) => Uint8Array } => {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x9e3779b9) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
  return { bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff) }
}

// The system's source costs as much for a few bytes as for a thousand. What was given away is not kept.
const pooled = () => {
  const pool = new Uint8Array(1024)
  let used = pool.length
  return (count: number): Uint8Array => {
    if (count > pool.length) return crypto.getRandomValues(new Uint8Array(count))
    if (used + count > pool.length) {
      crypto.getRandomValues(pool)
      used = 0
    }
    const taken = pool.slice(used, used + count)
    pool.fill(0, used, (used += count))
    return taken
  }
}

const digits = "0123456789abcdef"

const toHex = (bytes: Uint8Array): string => {
  let hex = ""
  for (const byte of bytes) hex += digits[byte >> 4]! + digits[byte & 15]!
  return hex
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// RFC 4648 5, without padding.
const toBase64Url = (bytes: Uint8Array): string => {
  let text = ""
  for (let at = 0; at < bytes.length; at += 3) {
    const [first = 0, second = 0, third = 0] = [bytes[at], bytes[at + 1], bytes[at + 2]]
    text += letters[first >> 2]! + letters[((first & 3) << 4) | (second >> 4)]!
    if (at + 1 < bytes.length) text += letters[((second & 15) << 2) | (third >> 6)]!
    if (at + 2 < bytes.length) text += letters[third & 63]!
  }
  return text
}
