/**
 * One way through the proxy: frames of `from` go to `to`, and when `to` cannot take more, `from` is not read. Plain code.
 */
import type { Frame, Transport } from "../Transport.ts"

/** What went through, over all sessions of a proxy. */
export interface Traffic {
  messages: number
  bytes: number
  /** Read from one peer, and never handed to the other because it was gone. */
  lostMessages: number
  heldMessages: number
  heldBytes: number
}

export const noTraffic = (): Traffic => ({ messages: 0, bytes: 0, lostMessages: 0, heldMessages: 0, heldBytes: 0 })

/** One way; what it holds is bounded by one message or one read of 64 KiB, because `from` is paused at once. */
export class Direction {
  readonly from: Transport
  readonly to: Transport
  /** A goodbye has been said, or waits for what is held. The first one stands. */
  leaving = false
  readonly #traffic: Traffic
  #held: Array<Frame> = []
  #heldBytes = 0
  #onEmpty: (() => void) | undefined
  #over = false

  constructor(from: Transport, to: Transport, traffic: Traffic) {
    this.from = from
    this.to = to
    this.#traffic = traffic
  }

  get heldMessages(): number {
    return this.#held.length
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** A frame arrived. */
  push(frame: Frame): void {
    this.#traffic.messages++
    this.#traffic.bytes += frame.size
    if (this.#over) this.#traffic.lostMessages++
    else if (this.#held.length > 0 || !this.to.send(frame)) this.#hold(frame)
  }

  /** The other side can take more. */
  flush(): void {
    let sent = 0
    while (sent < this.#held.length && this.to.send(this.#held[sent]!)) sent++
    if (sent === 0) return
    this.#release(this.#held.splice(0, sent))
    if (this.#held.length === 0) this.#emptied()
  }

  /** Nothing more goes through: the other side has been told goodbye. */
  stop(): void {
    this.#over = true
  }

  /** The other side is gone: what is held can never arrive. */
  abandon(): void {
    this.#over = true
    this.#traffic.lostMessages += this.#held.length
    this.#release(this.#held)
    this.#held = []
    this.#emptied()
  }

  /** Calls back when nothing is held any more. */
  onEmpty(callback: () => void): void {
    if (this.#held.length === 0) return callback()
    this.#onEmpty = callback
  }

  #hold(frame: Frame): void {
    if (this.#held.length === 0) this.from.pause()
    this.#held.push(frame)
    this.#heldBytes += frame.size
    this.#traffic.heldMessages++
    this.#traffic.heldBytes += frame.size
  }

  #release(frames: ReadonlyArray<Frame>): void {
    this.#traffic.heldMessages -= frames.length
    for (const frame of frames) {
      this.#heldBytes -= frame.size
      this.#traffic.heldBytes -= frame.size
    }
  }

  #emptied(): void {
    this.from.resume()
    this.#onEmpty?.()
    this.#onEmpty = undefined
  }
}
