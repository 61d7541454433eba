/**
 * The memory of all sessions together: who must not come in any more, and who has to go.
 */
import type { Session } from "./session.ts"
import type { Traffic } from "./traffic.ts"
import type { Wheel } from "./wheel.ts"

export interface Options {
  /** In bytes. */
  readonly limit: number
  readonly up: Traffic
  readonly down: Traffic
  readonly wheel: Wheel
  readonly sessions: () => Iterable<Session>
}

/** Newcomers are refused from here on. */
const nearlyFull = 0.8

/** What is unsent is asked of the sockets so often, in milliseconds, while there is traffic. */
const interval = 500

/** The book of one proxy. Messages held and unfinished are booked as they come. */
export class Memory {
  readonly #options: Options
  #booked = 0
  #unsent = 0
  #seen = 0
  #watching = false

  constructor(options: Options) {
    this.#options = options
  }

  /** In bytes. */
  get used(): number {
    const { down, up } = this.#options
    return up.heldBytes + down.heldBytes + this.#booked + this.#unsent
  }

  get isTight(): boolean {
    return this.used >= this.#options.limit * nearlyFull
  }

  /** Bytes beside the flows, more or fewer. */
  book(change: number): void {
    this.#booked += change
    if (change > 0) this.#relieve()
  }

  /** There is somebody to watch; stops by itself. */
  watch(): void {
    if (this.#watching) return
    this.#watching = true
    const { wheel } = this.#options
    const look = () => {
      this.#look()
      this.#watching = !this.#options.sessions()[Symbol.iterator]().next().done
      if (this.#watching) wheel.at(wheel.now() + interval, look)
    }
    wheel.at(wheel.now() + interval, look)
  }

  #look(): void {
    const { down, sessions, up } = this.#options
    const traffic = up.messages + down.messages
    if (traffic === this.#seen && this.#unsent === 0) return
    this.#seen = traffic
    this.#unsent = 0
    for (const session of sessions()) this.#unsent += session.unsentBytes
    this.#relieve()
  }

  // Whoever takes most, and of those first one with a missing hop. What is on its way out already is as good as gone.
  #relieve(): void {
    const { limit, sessions } = this.#options
    if (this.used <= limit) return
    let [worst, most, leaving] = [undefined as Session | undefined, 0, 0]
    for (const session of sessions()) {
      const { bytes } = session
      const rank = bytes + (session.isDetached ? limit : 0)
      if (session.isClosing) leaving += bytes
      else if (bytes > 0 && rank > most) [worst, most] = [session, rank]
    }
    if (this.used - leaving > limit) worst?.evict()
  }
}
