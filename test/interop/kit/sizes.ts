/**
 * Message sizes as they occur: many small ones, few large ones.
 */
import { Effect, Random } from "effect"

export const KiB = 1024
export const MiB = 1024 * KiB

/** Log-uniform from the smallest to the largest, both included. */
export const logUniform = (smallest: number, largest: number) =>
  Effect.map(Random.next, (at) => Math.round((smallest + 1) * ((largest + 1) / (smallest + 1)) ** at) - 1)
