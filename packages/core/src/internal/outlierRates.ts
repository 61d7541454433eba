/**
 * Who of a set does worse than the others, from what each did in the last interval. Envoy's arithmetic, which gRFC A50 took over.
 */

/** What one member did. */
export interface Volume {
  readonly ok: number
  readonly failed: number
}

/** The success rate that a member must reach; `undefined` if too few have enough calls to compare. */
export const leastSuccessRate = (
  volumes: Iterable<Volume>,
  { factor, hosts, requests }: { readonly factor: number; readonly hosts: number; readonly requests: number },
): number | undefined => {
  const rates = Array.from(volumes, (volume) => ({ rate: successRate(volume), enough: total(volume) >= requests }))
    .filter(({ enough }) => enough)
    .map(({ rate }) => rate)
  if (rates.length < hosts || rates.length === 0) return undefined
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  // Of the whole set, not of a sample: divided by how many there are.
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length
  return mean - factor * Math.sqrt(variance)
}

/** Whether enough members have enough calls. */
export const enough = (
  volumes: Iterable<Volume>,
  { hosts, requests }: { readonly hosts: number; readonly requests: number },
): boolean => {
  let count = 0
  for (const volume of volumes) if (total(volume) >= requests) count++
  return count >= hosts
}

export const total = ({ failed, ok }: Volume): number => ok + failed

/** From 0 to 1. */
export const successRate = (volume: Volume): number => (total(volume) === 0 ? 1 : volume.ok / total(volume))

/** How long the `times`-th ejection lasts, in milliseconds. */
export const ejectionTime = (times: number, base: number, most: number): number =>
  Math.min(base * times, Math.max(base, most))
