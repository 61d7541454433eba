/**
 * The sending side of one connection: what has been sent on it and what its peer's library has confirmed, by barriers that stand
 * behind every 64 messages, 256 KiB or second, whichever comes first. Plain code.
 */
import type { Frame, Transport } from "../Transport.ts"
import { type Alarm, type Slot, tick, type Wheel } from "./wheel.ts"

const everyMessages = 64
const everyBytes = 256 * 1024
const everyMillis = 1000

/** Sequence numbers, both ends included. */
export type Range = readonly [first: number, last: number]

/** An outlet of a flow; `next` counts on from where the flow puts it. */
export class Outlet implements Alarm {
  readonly transport: Transport
  /** The number of the next message. */
  next = 1
  /** Behind which number it began. */
  began = 0
  /** The last number that is known to have arrived at the peer's library. */
  confirmed = 0
  readonly #wheel: Wheel
  #messages = 0
  #bytes = 0
  /** When the first message behind the last barrier was sent. */
  #since = 0
  #slot: Slot | undefined
  #told = 0
  /** Bytes. */
  #handed = 0
  /** When somebody last looked, and how often it had fallen by then. */
  #unsent = 0
  #falls = 0

  constructor(transport: Transport, wheel: Wheel) {
    this.transport = transport
    this.#wheel = wheel
  }

  /** Starts behind that message. */
  start(after: number): void {
    this.began = after
    this.next = after + 1
    this.confirmed = after
  }

  /** Sends the next message; `false` when the connection cannot take it now. */
  hand(frame: Frame): boolean {
    if (!this.transport.send(frame)) return false
    this.next++
    this.#handed += frame.size
    if (this.#messages++ === 0) this.#since = this.#wheel.now()
    this.#bytes += frame.size
    if (this.#isDue) this.barrier()
    else if (this.#slot === undefined) this.#arm()
    return true
  }

  /** Asks for a sign of life behind everything sent so far. */
  barrier(): void {
    if (!this.transport.barrier(this.next - 1)) return
    this.#messages = 0
    this.#bytes = 0
  }

  /** The same, if anything has been sent since the last time. */
  ask(): void {
    if (this.#messages > 0) this.barrier()
  }

  /** The peer's library has everything up to that number. */
  confirm(mark: number): void {
    this.confirmed = Math.max(this.confirmed, mark)
    if (this.#isDue) this.barrier() // the peer had owed too many answers
  }

  get #isDue(): boolean {
    return this.#messages >= everyMessages || this.#bytes >= everyBytes
  }

  /** Sent, and perhaps not arrived, and not told of yet. */
  get uncertain(): Range | undefined {
    const last = Math.max(this.confirmed, this.#told)
    return last + 1 < this.next ? [last + 1, this.next - 1] : undefined
  }

  /** The same, to tell of it: once. */
  takeUncertain(): Range | undefined {
    const { uncertain } = this
    this.#told = this.next - 1
    return uncertain
  }

  /** Grows by the bytes that its peer takes, whatever is sent meanwhile. */
  get taken(): number {
    return this.#handed - this.transport.unsentBytes()
  }

  /** Changes while its peer takes anything at all; what is only written, as our Pings are, does not count. */
  get progress(): string {
    const unsent = this.transport.unsentBytes()
    if (unsent < this.#unsent) this.#falls++
    this.#unsent = unsent
    return `${this.next} ${this.confirmed} ${this.#falls}`
  }

  /** Nothing more will be sent. */
  stop(): void {
    if (this.#slot !== undefined) this.#wheel.off(this.#slot, this)
    this.#slot = undefined
  }

  /** It is time to look whether a barrier is due. */
  ring(): void {
    this.#slot = undefined
    const now = this.#wheel.now()
    if (this.#messages > 0 && now >= this.#since + everyMillis - tick) {
      this.barrier()
      this.#since = now
    }
    if (this.#messages > 0) this.#arm()
  }

  // Early by a tick, because the wheel may be late by one.
  #arm(): void {
    this.#slot = this.#wheel.at(this.#since + everyMillis - tick, this)
  }
}
