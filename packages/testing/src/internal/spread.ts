/**
 * How late things come: a delay, and a random part of up to `jitter` on top.
 */
import type { Chance } from "./chance.ts"

/** How the random part spreads; times in milliseconds. */
export interface Spread {
  readonly delay: number
  readonly jitter: number
  readonly dist?: "const" | "uniform" | "normal" | "lognormal" | "pareto" | undefined
}

/** Draws one after the other. Default: every part up to `jitter` is as likely. */
export const make = ({ delay, dist = "uniform", jitter }: Spread, chance: Chance): (() => number) =>
  jitter === 0 ? () => delay : () => delay + jitter * Math.min(1, Math.max(0, shapes[dist](chance)))

const unit = (chance: Chance): number => (chance() + 0.5) / 2 ** 32 // never 0, never 1

// Box and Muller's.
const gaussian = (chance: Chance): number =>
  Math.sqrt(-2 * Math.log(unit(chance))) * Math.cos(2 * Math.PI * unit(chance))

// From 0 to 1, but for tails that are cut there: three deviations either way; a long one to the right; a fat one.
const shapes: Readonly<Record<NonNullable<Spread["dist"]>, (chance: Chance) => number>> = {
  const: () => 1,
  uniform: unit,
  normal: (chance) => 0.5 + gaussian(chance) / 6,
  lognormal: (chance) => Math.exp(gaussian(chance)) / 10,
  pareto: (chance) => (unit(chance) ** (-1 / 2) - 1) / 10,
}
