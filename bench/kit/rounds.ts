/**
 * Compares ways of doing the same thing: shuffled rounds in one process, CPU time per operation, medians of ratios inside a round.
 */

export interface Contender {
  readonly name: string
  /** Does so many operations. */
  readonly run: (operations: number) => void | Promise<void>
}

/** CPU nanoseconds per operation of each contender, by round. */
export const measure = async (
  contenders: ReadonlyArray<Contender>,
  {
    operations,
    rounds = 15,
    warmup = 3,
  }: { readonly operations: number; readonly rounds?: number; readonly warmup?: number },
): Promise<ReadonlyMap<string, ReadonlyArray<number>>> => {
  const times = new Map<string, Array<number>>(contenders.map(({ name }) => [name, []]))
  for (let round = -warmup; round < rounds; round++) {
    for (const { name, run } of shuffled(contenders)) {
      const before = process.cpuUsage()
      await run(operations)
      const { system, user } = process.cpuUsage(before)
      if (round >= 0) times.get(name)!.push(((user + system) * 1000) / operations)
    }
  }
  return times
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The median over rounds of one contender's time divided by another's in the same round. */
export const ratio = (times: ReadonlyMap<string, ReadonlyArray<number>>, of: string, to: string): number =>
  median(times.get(of)!.map((time, round) => time / times.get(to)![round]!))

/** In an order of its own each time. */
export const shuffled = <A>(items: ReadonlyArray<A>): ReadonlyArray<A> =>
  items
    .map((item) => [Math.random(), item] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, item]) => item)
