/**
 * One short text for all the decisions of a run: the same decisions, the same text. Not for secrets.
 */

/** Numbers in, text out. */
export interface Hash {
  readonly mix: (value: number) => void
  readonly text: () => string
}

/** The hash of no decisions. */
export const make = (): Hash => {
  // Two lanes of 32 bits, FNV-1a by words and a rotating one, so that a coincidence needs both.
  let a = 0x811c9dc5
  let b = 0x9e3779b9
  return {
    mix: (value) => {
      a = Math.imul(a ^ value, 0x01000193)
      b = Math.imul(((b << 5) | (b >>> 27)) ^ value, 0x85ebca6b)
    },
    text: () => hex(a) + hex(b),
  }
}

// The last step of MurmurHash3: until now the low bits know nothing of the high ones.
const hex = (lane: number): string => {
  let mixed = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return ((mixed ^ (mixed >>> 16)) >>> 0).toString(16).padStart(8, "0")
}
