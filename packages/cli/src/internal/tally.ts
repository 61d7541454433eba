/**
 * Counts numbered messages on their way out and back: each must come back once, and in the order it was sent. Plain and bounded.
 */

/** What has been seen so far. */
export interface Counts {
  readonly sent: number
  readonly delivered: number
  /** Sent on a connection that ended, or still missing at the end. */
  readonly lost: number
  /** Came back again, or was never sent. */
  readonly duplicated: number
  /** Came back before an older one. */
  readonly outOfOrder: number
}

const remembered = 1024

/** The book of one client. */
export class Tally {
  readonly #away = new Map<number, bigint>()
  readonly #roundTrips: Array<number> = []
  #sent = 0
  #delivered = 0
  #lost = 0
  #duplicated = 0
  #outOfOrder = 0

  get counts(): Counts {
    return {
      sent: this.#sent,
      delivered: this.#delivered,
      lost: this.#lost,
      duplicated: this.#duplicated,
      outOfOrder: this.#outOfOrder,
    }
  }

  /** Messages that are out and not back. */
  get away(): number {
    return this.#away.size
  }

  /** The number of the next message. */
  get next(): number {
    return this.#sent + 1
  }

  /** The next message is on its way. */
  sent(nanos: bigint): void {
    this.#away.set(++this.#sent, nanos)
  }

  /** A message came back; anything that is not a number of ours counts as one too many. */
  received(number: number, nanos: bigint): void {
    const since = this.#away.get(number)
    if (since === undefined) {
      this.#duplicated++
      return
    }
    const [oldest] = this.#away.keys()
    if (oldest !== number) this.#outOfOrder++
    this.#away.delete(number)
    this.#roundTrips[this.#delivered++ % remembered] = Number(nanos - since) / 1e6
  }

  /** What is out can never come back. */
  giveUp(): void {
    this.#lost += this.#away.size
    this.#away.clear()
  }

  /** The median of the last round trips in milliseconds, if there are any. */
  get roundTrip(): number | undefined {
    const sorted = this.#roundTrips.toSorted((a, b) => a - b)
    return sorted[sorted.length >> 1]
  }
}

/** Whether everything came back once and in order. */
export const isClean = ({ duplicated, lost, outOfOrder }: Counts): boolean => duplicated + lost + outOfOrder === 0

/** The counts for people, in one line; what matters least is last, for narrow terminals. */
export const describe = (tally: Tally): string => {
  const { delivered, duplicated, lost, outOfOrder, sent } = tally.counts
  const { roundTrip } = tally
  return [
    `sent ${number(sent)}`,
    `delivered ${number(delivered)}`,
    `lost ${number(lost)}`,
    `duplicated ${number(duplicated)}`,
    `out of order ${number(outOfOrder)}`,
    ...(roundTrip === undefined ? [] : [`${roundTrip.toFixed(2)} ms round trip`]),
  ].join("  ")
}

const number = (value: number): string => value.toLocaleString("en-US")
