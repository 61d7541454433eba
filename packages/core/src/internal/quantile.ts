/**
 * How long the last calls took: a quantile of the last 128, looked up far more often than it is worked out.
 */

const kept = 128
const fresh = 8

/** Remembers times. */
export class Times {
  readonly #times = new Float64Array(kept)
  #count = 0
  #sorted = new Float64Array(0)
  #sortedAt = 0

  note(millis: number): void {
    this.#times[this.#count++ % kept] = millis
  }

  /** The smallest time that this share of the calls did not exceed; `undefined` before there were `minimum`. */
  quantile(share: number, minimum: number): number | undefined {
    if (this.#count < Math.max(1, minimum)) return undefined
    if (this.#count - this.#sortedAt >= Math.min(fresh, this.#sorted.length / fresh)) {
      this.#sorted = this.#times.slice(0, Math.min(this.#count, kept)).sort()
      this.#sortedAt = this.#count
    }
    return this.#sorted[Math.max(0, Math.ceil(share * this.#sorted.length) - 1)]
  }
}
