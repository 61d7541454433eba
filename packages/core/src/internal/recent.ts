/**
 * Two sums over the last while, in ten buckets: what is counted is at most as old as the window, and all that is younger than nine
 * tenths of it.
 */

/** Buckets of a window. */
export const buckets = 10

/** Sums over the last `window` milliseconds; takes no memory until something is counted. */
export class Recent {
  first = 0
  second = 0
  readonly #width: number
  #counts: Array<number> | undefined
  #turn = 0

  constructor(window: number) {
    this.#width = window / buckets
  }

  add(now: number, first: number, second: number): void {
    this.look(now)
    this.#put(this.#turn, first, second)
  }

  /** Forgets what is too old. */
  look(now: number): void {
    const turn = Math.floor(now / this.#width)
    if (this.#counts === undefined) {
      this.#counts = Array.from({ length: 2 * buckets }, () => 0)
      this.#turn = turn
    }
    for (let gone = Math.max(this.#turn + 1, turn - buckets + 1); gone <= turn; gone++) {
      const at = place(gone)
      this.first -= this.#counts[at]!
      this.second -= this.#counts[at + 1]!
      this.#counts[at] = this.#counts[at + 1] = 0
      this.#turn = gone
    }
  }

  clear(): void {
    this.#counts = undefined
    this.first = this.second = 0
  }

  /** The age of each bucket in buckets, and its sums. */
  save(now: number): ReadonlyArray<number> {
    if (this.#counts === undefined) return []
    this.look(now)
    const saved: Array<number> = []
    for (let age = buckets - 1; age >= 0; age--) {
      const at = place(this.#turn - age)
      if (this.#counts[at]! > 0) saved.push(age, this.#counts[at]!, this.#counts[at + 1]!)
    }
    return saved
  }

  /** `false` if that is not what `save` gave. */
  load(saved: ReadonlyArray<number>, now: number): boolean {
    if (saved.length % 3 !== 0 || saved.some((part) => !Number.isSafeInteger(part) || part < 0)) return false
    this.clear()
    this.look(now)
    for (let i = 0; i < saved.length; i += 3) {
      const [age, first, second] = [saved[i]!, saved[i + 1]!, saved[i + 2]!]
      if (age >= buckets || second > first) return false
      this.#put(this.#turn - age, first, second)
    }
    return true
  }

  #put(turn: number, first: number, second: number): void {
    const at = place(turn)
    this.#counts![at]! += first
    this.#counts![at + 1]! += second
    this.first += first
    this.second += second
  }
}

const place = (turn: number): number => (((turn % buckets) + buckets) % buckets) * 2
