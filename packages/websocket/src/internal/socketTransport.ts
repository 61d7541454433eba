/**
 * A transport over one port: watermarks, barriers, what a peer may do, the way it ends. Plain code; waits only in `close`.
 */
import * as Effect from "effect/Effect"
import type { CloseInfo, Frame, Headers, Listener, Transport } from "../Transport.ts"
import { Barriers } from "./barriers.ts"
import * as CloseCode from "./closeCode.ts"
import * as Patience from "./patience.ts"
import type { Port, Sink } from "./port.ts"
import { type About, ShapedPort, type SocketLike } from "./shapedPort.ts"
import { TokenBucket } from "./tokenBucket.ts"

/** Writing stops at the high mark, in bytes, and goes on below a quarter of it. */
export const highWatermark = 1024 * 1024

/** Pings, and Pongs nobody asked for: so many per second, and so many at once. One behind so much is what `Barriers` sends. */
const controlFrames = { perSecond: 10, burst: 50, freeBehind: { messages: 64, bytes: 256 * 1024 } } as const

/** How coarsely a listener hears of a message that is not whole yet, in bytes. */
const step = 64 * 1024

/** Less of it is not worth a word. */
const least = 4 * 1024

export type { About, SocketLike } from "./shapedPort.ts"

/** Over a port that nobody has. */
export const over = (port: Port): Transport => new SocketTransport(port)

/** Over a WebSocket like those of `ws`; it must be paused, or not have received anything yet. */
export const make = (socket: SocketLike, about: About): Transport => over(new ShapedPort(socket, about))

// There may be very many, so what is rarely needed is made when needed.
class SocketTransport implements Transport, Sink {
  readonly protocol: string
  readonly headers: Headers
  readonly #port: Port
  #listener: Listener | undefined
  #ended: CloseInfo | undefined
  #violation: CloseInfo | undefined
  #high = highWatermark
  #low = highWatermark / 4
  #blocked = false
  #closing = false
  #unfinished = 0
  #heardMessages = 0
  #heardBytes = 0
  #control: TokenBucket | undefined
  #barriers: Barriers | undefined
  /** A paused socket that breaks still gives away what it had read: 64 KiB. */
  #early: Array<Frame> | undefined
  #waiting: Set<(info: CloseInfo) => void> | undefined
  #written: (() => void) | undefined

  constructor(port: Port) {
    this.protocol = port.protocol
    this.headers = port.headers
    this.#port = port
    port.hear(this)
  }

  listen(listener: Listener, highWatermark = this.#high): void {
    this.#high = highWatermark
    this.#low = this.#high / 4
    this.#listener = listener
    if (listener.asks !== true) this.#port.keepAlive?.() // nobody asks the peer by Pings
    if (this.#port.bufferedAmount > this.#low) this.#port.flush(this.#whenWritten) // what was sent until now went by the default mark
    const early = this.#early ?? []
    this.#early = undefined
    for (const frame of early) listener.frame(frame)
    if (this.#ended !== undefined) listener.closed(this.#ended)
    else this.#port.resume()
  }

  send(frame: Frame): boolean {
    const port = this.#port
    if (!port.isOpen || this.#closing) return false
    const before = port.bufferedAmount
    if (before >= this.#high) {
      this.#blocked = true
      return false
    }
    const deep = before + frame.size > this.#low
    port.send(frame.bytes(), frame.text, deep ? this.#whenWritten : undefined)
    return true
  }

  barrier(mark: number): boolean {
    if (!this.#port.isOpen || this.#closing) return false
    this.#barriers ??= new Barriers(this.#port.nonce)
    const payload = this.#barriers.next(mark)
    if (payload === undefined) return false
    this.#port.ping(payload)
    return true
  }

  heardBytes(): number {
    return this.#port.heardBytes()
  }

  unsentBytes(): number {
    return this.#port.unsentBytes()
  }

  pause(): void {
    if (this.#closing) return // the answer to our goodbye cannot be read while paused
    this.#port.keepAlive?.() // nor can a Pong
    this.#port.pause()
  }

  resume(): void {
    this.#port.resume()
  }

  close(code: number, reason: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#ended !== undefined) return Effect.void
      this.#closing = true
      this.#port.resume()
      if (this.unsentBytes() === 0) return this.#goodbye(code, reason)
      return Effect.flatMap(this.#flushed, (flushed) =>
        flushed ? this.#goodbye(code, reason) : Effect.sync(() => this.cut()),
      )
    })
  }

  cut(): void {
    this.#port.terminate()
  }

  get closed(): Effect.Effect<CloseInfo> {
    return Effect.callback<CloseInfo>((resume) => {
      if (this.#ended !== undefined) return resume(Effect.succeed(this.#ended))
      const done = (info: CloseInfo) => resume(Effect.succeed(info))
      const waiting = (this.#waiting ??= new Set())
      waiting.add(done)
      return Effect.sync(() => waiting.delete(done))
    })
  }

  // Without an answer the socket ends by itself.
  #goodbye(code: number, reason: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (code === 1005) this.#port.close(undefined, "")
      else this.#port.close(CloseCode.isSendable(code) ? code : 1011, CloseCode.cutReason(reason))
      return Effect.asVoid(this.closed)
    })
  }

  get #flushed(): Effect.Effect<boolean> {
    const empty = Effect.callback<void>((resume) => this.#port.flush(() => resume(Effect.void)))
    return Patience.whileMoving(Effect.raceFirst(empty, this.closed), () => this.unsentBytes())
  }

  message(data: Uint8Array, text: boolean): void {
    if (this.#violation !== undefined) return
    const frame = new Message(data, text)
    this.#heardMessages++
    this.#heardBytes += frame.size
    if (this.#listener !== undefined) this.#listener.frame(frame)
    else if (!this.#closing) (this.#early ??= []).push(frame) // a goodbye is read behind whatever the peer still sends
  }

  pinged(): void {
    this.#controlled()
  }

  ponged(payload: Uint8Array): void {
    const mark = this.#barriers?.answered(payload)
    if (mark === undefined) this.#controlled()
    else this.#listener?.confirmed?.(mark)
  }

  violated(code: number, why: string): void {
    this.#violation ??= { code, reason: why, clean: false }
  }

  read(bytes: number): void {
    const coarse = bytes < least ? 0 : Math.ceil(bytes / step) * step
    if (coarse === this.#unfinished) return
    this.#unfinished = coarse
    this.#listener?.unfinished?.(coarse)
  }

  get #whenWritten(): () => void {
    return (this.#written ??= () => this.#drained())
  }

  #drained(): void {
    if (!this.#blocked || !this.#port.isOpen) return
    // Pongs may stand behind our messages, and nobody is told when they have gone.
    if (this.#port.bufferedAmount > this.#low) return this.#port.flush(this.#whenWritten)
    this.#blocked = false
    this.#listener?.writable()
  }

  #controlled(): void {
    const { bytes, messages } = controlFrames.freeBehind
    const free = this.#heardMessages >= messages || this.#heardBytes >= bytes
    this.#heardMessages = 0
    this.#heardBytes = 0
    if (free) return
    this.#control ??= new TokenBucket(controlFrames.perSecond, controlFrames.burst)
    if (this.#control.take(this.#port.now()) || this.#violation !== undefined) return
    this.#violation = { code: 1008, reason: "too many control frames", clean: false }
    this.#port.close(this.#violation.code, this.#violation.reason)
  }

  over(code: number, reason: string): void {
    this.#ended = this.#violation ?? { code, reason, clean: code !== 1006 }
    const waiting = this.#waiting
    this.#waiting = undefined
    // First the listener, because whoever waited may look at what it has been told.
    this.#listener?.closed(this.#ended)
    if (waiting !== undefined) for (const resume of waiting) resume(this.#ended)
  }
}

class Message implements Frame {
  readonly text: boolean
  readonly size: number
  readonly #data: Uint8Array
  constructor(data: Uint8Array, text: boolean) {
    this.#data = data
    this.text = text
    this.size = this.#data.byteLength
  }
  bytes(): Uint8Array {
    return this.#data
  }
}
