/**
 * Numbers that look random and come from a seed. The order of fibers, `Random`, `Entropy` and the network each have a stream of their own, so
 * that a program which draws one number more is not scheduled differently for it.
 */
import type * as Random from "effect/Random"

/** 32 fresh bits, as a number from 0 to 2^32 - 1. */
export type Chance = () => number

/** A stream of numbers; the same for the same seed and purpose. */
export const make = (seed: number, purpose: keyof typeof purposes): Chance => {
  // sfc32 (Doty-Humphrey, PractRand): no multiplication, so it costs next to nothing at every operation of every fiber.
  let a = purposes[purpose]
  let b = seed | 0
  let c = Math.floor(seed / 2 ** 32) | 0
  let counter = 1
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  // Its author's number of rounds until neighbouring seeds have nothing in common any more.
  for (let round = 0; round < 15; round++) next()
  return next
}

/** A whole number from 0 to `limit - 1`. A choice of one draws nothing. */
export const below = (chance: Chance, limit: number): number =>
  limit === 1 ? 0 : Math.floor((chance() / 2 ** 32) * limit)

/** Effect's `Random` on top of a stream. */
export const random = (chance: Chance): typeof Random.Random.Service => ({
  nextDoubleUnsafe: () => double(chance),
  nextIntUnsafe: () =>
    Math.floor(double(chance) * (Number.MAX_SAFE_INTEGER - Number.MIN_SAFE_INTEGER + 1)) + Number.MIN_SAFE_INTEGER,
})

/** As many bytes as asked for. */
export const bytes = (chance: Chance, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, () => chance() >>> 24)

// All 53 bits that a number has between 0 and 1.
const double = (chance: Chance): number => ((chance() >>> 5) * 2 ** 26 + (chance() >>> 6)) / 2 ** 53

// Any three numbers that differ in many bits.
const purposes = { order: 0x243f6a88, random: 0x85a308d3 | 0, entropy: 0x13198a2e, network: 0x03707344 }
