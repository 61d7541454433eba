/**
 * A rate per source, for failures: who guesses is slowed down, everybody else is not. Bounded: sources with a clean record are forgotten.
 */
import { TokenBucket } from "./tokenBucket.ts"

const perSecond = 10
const burst = 50
const sources = 10_000

/** Failures by source. */
export class Throttle {
  readonly #now: () => number
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** Whether it has had too many. */
  isExhausted(address: string): boolean {
    return this.#buckets.get(sourceOf(address))?.isEmpty(this.#now()) === true
  }

  /** One more failure of that source; `false` when it has had too many. */
  failed(address: string): boolean {
    const now = this.#now()
    const source = sourceOf(address)
    const bucket = this.#buckets.get(source) ?? new TokenBucket(perSecond, burst)
    this.#buckets.delete(source) // so that the order is that of the last failure
    this.#buckets.set(source, bucket)
    const taken = bucket.take(now)
    for (const [other, oldest] of this.#buckets) {
      if (this.#buckets.size <= sources && !oldest.isFull(now)) break
      this.#buckets.delete(other)
    }
    return taken
  }
}

// Whoever has one IPv6 address has all of its network.
const sourceOf = (address: string): string =>
  address.includes(":") ? address.split(":").slice(0, 4).join(":") : address
