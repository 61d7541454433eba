/**
 * The memory of all sessions together: who must not come in any more, and who has to go.
 */
import type { Session } from "./session.ts"
import type { Traffic } from "./traffic.ts"
import type { Alarm, Wheel } from "./wheel.ts"

export interface Options {
  /** In bytes. */
  readonly limit: number
  readonly up: Traffic
  readonly down: Traffic
  readonly wheel: Wheel
  readonly sessions: () => Iterable<Session>
  /** What clients have sent that have no answer yet. */
  readonly early: () => number
}

/** Newcomers are refused from here on. */
const nearlyFull = 0.8

/** So often it is looked at, in milliseconds, and what is unsent is asked of the sockets while there is traffic. */
const interval = 500

/** What a message in memory costs beside its payload, in bytes, measured on Node 24 and rounded. */
const perMessage = 512

/** The book of one proxy. Messages held and unfinished are booked as they come. */
export class Memory implements Alarm {
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
    const { down, early, up } = this.#options
    const held = up.heldBytes + down.heldBytes + perMessage * (up.heldMessages + down.heldMessages)
    return held + this.#booked + this.#unsent + early()
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
    wheel.at(wheel.now() + interval, this)
  }

  ring(): void {
    const { sessions, wheel } = this.#options
    this.#look()
    this.#watching = !sessions()[Symbol.iterator]().next().done
    if (this.#watching) wheel.at(wheel.now() + interval, this)
  }

  #look(): void {
    const { down, sessions, up } = this.#options
    const traffic = up.messages + down.messages
    if (traffic !== this.#seen || this.#unsent > 0) {
      this.#seen = traffic
      this.#unsent = 0
      for (const session of sessions()) this.#unsent += session.unsentBytes
    }
    this.#relieve()
  }

  // Those who take most go, and of those first the ones with a missing hop. What is on its way out already is as good as gone.
  #relieve(): void {
    const { limit, sessions } = this.#options
    let { used } = this
    if (used <= limit) return
    const staying: Array<readonly [rank: number, bytes: number, session: Session]> = []
    for (const session of sessions()) {
      const bytes = session.bytes + perMessage * session.heldMessages
      if (session.isClosing) used -= bytes
      else if (bytes > 0) staying.push([bytes + (session.isDetached ? limit : 0), bytes, session])
    }
    for (const [, bytes, session] of staying.toSorted(([a], [b]) => b - a)) {
      if (used <= limit) return
      used -= bytes
      session.evict()
    }
  }
}
