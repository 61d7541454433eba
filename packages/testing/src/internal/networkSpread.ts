/**
 * How the random part of a latency spreads, for the simulator and for real ports: a share from 0 to 1 of the jitter.
 */
import type { Fault } from "../Fault.ts"

/** Takes two numbers from 0 to 1 that come from chance. */
export const spread = (
  dist: Extract<Fault, { readonly _tag: "latency" }>["dist"],
  first: number,
  second: number,
): number => {
  switch (dist) {
    case "const":
      return 1
    case "normal":
      return within(0.5 + normal(first, second) / 6)
    case "lognormal":
      return within(Math.exp(normal(first, second) * 0.8 - 2))
    case "pareto":
      return within(0.05 / (1 - first) ** (1 / 1.5))
    default:
      return first
  }
}

const within = (share: number): number => Math.min(1, Math.max(0, share))

// Box and Muller's transform.
const normal = (first: number, second: number): number =>
  Math.sqrt(-2 * Math.log(1 - first)) * Math.cos(2 * Math.PI * second)
