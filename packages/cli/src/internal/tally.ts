/**
 * Counts numbered messages on their way out and back: each must come back once, and in the order it was sent. Plain and bounded.
 */
import type { Doubts } from "./doubts.ts"

/** What has been seen so far. */
export interface Counts {
  readonly sent: number
  readonly delivered: number
  /** Missing, and nobody said that they might be. */
  readonly lost: number
  /** Missing because their echoes were under way when the upstream was killed. */
  readonly cutOff: number
  /** Came back again, or was never sent. */
  readonly duplicated: number
  /** Came back after a newer one. */
  readonly outOfOrder: number
}

const remembered = 1024

/** Missing messages that nobody spoke of yet are remembered up to so many, in case somebody does. */
const unexplained = 10_000

/** The book of one client. */
export class Tally {
  /** Who speaks of missing messages; without it every one is lost. */
  readonly doubts: Doubts | undefined
  readonly #away = new Map<number, bigint>()
  /** Missing for all that is known; whether they were given up, so that nothing of them may come any more. */
  readonly #missing = new Map<number, boolean>()
  readonly #roundTrips: Array<number> = []
  #sent = 0
  #delivered = 0
  #newest = 0
  #lost = 0
  #cutOff = 0
  #duplicated = 0
  #outOfOrder = 0

  constructor(doubts?: Doubts) {
    this.doubts = doubts
  }

  get counts(): Counts {
    this.#explain()
    return {
      sent: this.#sent,
      delivered: this.#delivered,
      lost: this.#lost + this.#missing.size,
      cutOff: this.#cutOff,
      duplicated: this.#duplicated,
      outOfOrder: this.#outOfOrder,
    }
  }

  /** Messages that are out and not back. */
  get away(): number {
    return this.#away.size
  }

  /** The oldest of them, or the next message when there is none. */
  get oldest(): number {
    const [oldest = this.next] = this.#away.keys()
    return oldest
  }

  /** Whether one of them should still come back: nobody says that it may be missing. */
  get isWaiting(): boolean {
    for (const number of this.#away.keys()) if (this.doubts?.about(number) === undefined) return true
    return false
  }

  /** The number of the next message. */
  get next(): number {
    return this.#sent + 1
  }

  /** The newest message that came back. */
  get newest(): number {
    return this.#newest
  }

  /** The next message is on its way. */
  sent(nanos: bigint): void {
    this.#away.set(++this.#sent, nanos)
  }

  /** A message came back; anything that is not a number of ours counts as one too many. */
  received(number: number, nanos: bigint): void {
    const since = this.#away.get(number)
    if (since === undefined) return this.#late(number)
    // Messages keep their order: what was sent before this one and is not back has been missed.
    for (const older of this.#away.keys()) {
      if (older === number) break
      this.#miss(older, false)
    }
    this.#away.delete(number)
    this.#newest = number
    this.#roundTrips[this.#delivered++ % remembered] = Number(nanos - since) / 1e6
  }

  /** What is out can never come back. */
  giveUp(): void {
    for (const number of this.#missing.keys()) this.#missing.set(number, true)
    for (const number of this.#away.keys()) this.#miss(number, true)
  }

  /** The median of the last round trips in milliseconds, if there are any. */
  get roundTrip(): number | undefined {
    const sorted = this.#roundTrips.toSorted((a, b) => a - b)
    return sorted[sorted.length >> 1]
  }

  #late(number: number): void {
    if (this.#missing.get(number) !== false) {
      this.#duplicated++
      return
    }
    this.#missing.delete(number)
    this.#outOfOrder++
    this.#delivered++
  }

  #miss(number: number, givenUp: boolean): void {
    this.#away.delete(number)
    this.#missing.set(number, givenUp)
    if (this.#missing.size <= unexplained) return
    this.#explain()
    for (const [oldest] of this.#missing) {
      if (this.#missing.size <= unexplained) return
      this.#missing.delete(oldest)
      this.#lost++
    }
  }

  #explain(): void {
    if (this.doubts === undefined) return
    for (const number of this.#missing.keys()) {
      const why = this.doubts.about(number)
      if (why === undefined) continue
      this.#missing.delete(number)
      if (why === "cut off") this.#cutOff++
    }
  }
}

/** Whether everything came back once and in order, but for what somebody gave account of. */
export const isClean = ({ duplicated, lost, outOfOrder }: Counts): boolean => duplicated + lost + outOfOrder === 0

/** The counts for people, in one line; what matters least is last, for narrow terminals. */
export const describe = (tally: Tally): string => {
  const { cutOff, delivered, duplicated, lost, outOfOrder, sent } = tally.counts
  const { doubts, roundTrip } = tally
  return [
    `sent ${number(sent)}`,
    `delivered ${number(delivered)}`,
    ...(doubts === undefined ? [] : [`uncertain ${number(doubts.uncertain)}`]),
    `lost ${number(lost)}`,
    `duplicated ${number(duplicated)}`,
    ...(doubts === undefined ? [] : [`reconnects ${number(doubts.reconnects)}`, `cut off ${number(cutOff)}`]),
    `out of order ${number(outOfOrder)}`,
    ...(roundTrip === undefined ? [] : [`${roundTrip.toFixed(2)} ms round trip`]),
  ].join("  ")
}

const number = (value: number): string => value.toLocaleString("en-US")
