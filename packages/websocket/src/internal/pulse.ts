/**
 * Whether the peer of one connection is still there: asked by a Ping every so often, and any byte in answer will do. A peer we do not
 * read from is not judged: its answer may be waiting. Plain code on the wheel.
 */
import type { Transport } from "../Transport.ts"
import type { Alarm, Slot, Wheel } from "./wheel.ts"

/** How to listen for it. */
export interface Beat {
  /** Milliseconds between Pings. */
  readonly interval: number
  /** Milliseconds of silence after one. */
  readonly timeout: number
}

/** Whose heart it is, and who hears of its end. */
export interface Options {
  readonly beat: Beat
  readonly wheel: Wheel
  readonly transport: Transport
  readonly ping: () => void
  /** Grows by the bytes that the peer takes. Default: falls with those that are unsent. */
  readonly taken?: (() => number) | undefined
  /** Whether the connection is not read now. */
  readonly isPaused: () => boolean
  readonly onDead: () => void
}

/** Listens from when it is made until it is stopped. */
export class Pulse implements Alarm {
  readonly #of: Options
  #asked = 0
  #heard = 0
  #before = 0
  #stuck = false
  #isAsked = false
  #slot: Slot | undefined

  constructor(of: Options) {
    this.#of = of
    this.#at(of.wheel.now() + of.beat.interval)
  }

  stop(): void {
    if (this.#slot !== undefined) this.#of.wheel.off(this.#slot, this)
    this.#slot = undefined
  }

  ring(): void {
    this.#slot = undefined
    if (this.#isAsked) this.#look()
    else this.#ask()
  }

  #ask(): void {
    const { beat, transport, wheel } = this.#of
    // Its answers could not be heard, and it would soon owe too many.
    this.#isAsked = !this.#of.isPaused()
    if (!this.#isAsked) return this.#at(wheel.now() + beat.interval)
    this.#asked = wheel.now()
    this.#heard = transport.heardBytes()
    this.#before = this.#taken()
    this.#stuck = transport.unsentBytes() > 0 // our Ping stands behind it
    this.#of.ping()
    this.#at(this.#asked + Math.min(beat.interval, beat.timeout))
  }

  // It may have fallen silent right behind its answer: so the next Ping does not wait for the end of the timeout.
  #look(): void {
    const { beat, transport, wheel } = this.#of
    const now = wheel.now()
    const answered = transport.heardBytes() > this.#heard || (this.#stuck && this.#taken() > this.#before)
    const lives = answered || this.#of.isPaused()
    const [next, end] = [this.#asked + beat.interval, this.#asked + beat.timeout]
    if (lives && now >= next) return this.#ask()
    if (!lives && now >= end) return this.#of.onDead()
    this.#isAsked = !lives
    this.#at(lives ? next : Math.min(now + beat.interval, end))
  }

  #at(time: number): void {
    this.#slot = this.#of.wheel.at(time, this)
  }

  #taken(): number {
    return this.#of.taken?.() ?? -this.#of.transport.unsentBytes()
  }
}
