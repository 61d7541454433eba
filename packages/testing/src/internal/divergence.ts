/**
 * Compares the decisions of two runs. What the program made of them is not compared.
 */
import type { Divergence } from "../Sim.ts"
import type { Decision } from "./scheduler.ts"

/** The first decision that differs, if one does. */
export const divergence = (first: ReadonlyArray<Decision>, second: ReadonlyArray<Decision>): Divergence | undefined => {
  const length = Math.max(first.length, second.length)
  for (let step = 0; step < length; step++) {
    const [left, right] = [text(first[step]), text(second[step])]
    if (left !== right) return { step, first: left, second: right }
  }
  return undefined
}

const text = (decision: Decision | undefined): string => {
  if (decision === undefined) return "the run had ended"
  const { at, choice, of, operations, ran } = decision
  return `at ${at} ms ${ran} ran, number ${choice + 1} of ${of} that could, and took ${operations} operations`
}
