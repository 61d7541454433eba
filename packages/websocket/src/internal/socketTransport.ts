/**
 * A transport over one open `ws`-like socket: watermarks, corking, the way it ends. Plain code; waits only in `close`.
 */
import * as Effect from "effect/Effect"
import type { CloseInfo, Frame, Headers, Listener, Transport } from "../Transport.ts"
import { Barriers } from "./barriers.ts"
import * as CloseCode from "./closeCode.ts"
import * as Patience from "./patience.ts"
import { TokenBucket } from "./tokenBucket.ts"

/** The part of a `ws` WebSocket that a transport needs. */
export interface SocketLike {
  readonly readyState: number
  readonly bufferedAmount: number
  send(data: Uint8Array, options: { readonly binary: boolean }, done?: (error?: Error | null) => void): void
  ping(data: Uint8Array): void
  pause(): void
  resume(): void
  /** Sends a close frame. Ends by itself when none comes back within 10 seconds. */
  close(code?: number, reason?: string): void
  terminate(): void
  on(event: "message", listener: (data: Buffer | ArrayBuffer | Array<Buffer>, isBinary: boolean) => void): unknown
  on(event: "ping" | "pong", listener: (data: Buffer) => void): unknown
  on(event: "close", listener: (code: number, reason: Buffer) => void): unknown
  on(event: "error", listener: (error: Error & { readonly code?: string }) => void): unknown
}

/** What only the platform knows about the socket. */
export interface About {
  readonly protocol: string
  readonly headers: Headers
  /** Holds writes back until the end of this tick. */
  readonly cork: () => void
  /** Bytes on their way to the operating system; falls while a large write makes progress. */
  readonly unsentBytes: () => number
  /** Bytes received so far, of any kind. */
  readonly heardBytes: () => number
  /** Calls back after every read, with the bytes of the message that is not whole yet. */
  readonly onRead: (callback: (unfinished: number) => void) => void
  /** Milliseconds, for rates. */
  readonly now: () => number
  /** Unpredictable 32 bits. */
  readonly nonce: number
  /** Calls back when everything written so far is with the operating system; perhaps never, if the socket ends. */
  readonly flush: (done: () => void) => void
}

/** Writing stops at the high mark, in bytes, and goes on below a quarter of it. */
export const highWatermark = 1024 * 1024
const OPEN = 1

/** Pings, and Pongs nobody asked for: so many per second, and so many at once. One behind so much is what `Barriers` sends. */
const controlFrames = { perSecond: 10, burst: 50, freeBehind: { messages: 64, bytes: 256 * 1024 } } as const

/** How coarsely a listener hears of a message that is not whole yet, in bytes. */
const step = 64 * 1024

/** Less of it is not worth a word. */
const least = 4 * 1024

/** Wraps the socket; it must be paused, or not have received anything yet. */
export const make = (socket: SocketLike, about: About): Transport => new SocketTransport(socket, about)

// There may be very many, so what is rarely needed is made when needed.
class SocketTransport implements Transport {
  readonly protocol: string
  readonly headers: Headers
  readonly #socket: SocketLike
  readonly #about: About
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

  constructor(socket: SocketLike, about: About) {
    this.protocol = about.protocol
    this.headers = about.headers
    this.#socket = socket
    this.#about = about
    socket.on("message", (data, isBinary) => this.#heard(data, isBinary))
    socket.on("ping", () => this.#controlled())
    socket.on("pong", (payload) => {
      const mark = this.#barriers?.answered(payload)
      if (mark === undefined) this.#controlled()
      else this.#listener?.confirmed?.(mark)
    })
    socket.on("error", (error) => {
      const code = violationCode(error.code)
      if (code !== undefined) this.#violation ??= { code, reason: error.message, clean: false }
    })
    socket.on("close", (code, reason) => this.#over(code, reason))
  }

  listen(listener: Listener, highWatermark = this.#high): void {
    this.#high = highWatermark
    this.#low = this.#high / 4
    this.#listener = listener
    if (listener.unfinished !== undefined) this.#about.onRead((bytes) => this.#read(bytes))
    if (this.#socket.bufferedAmount > this.#low) this.#about.flush(this.#whenWritten) // what was sent until now went by the default mark
    const early = this.#early ?? []
    this.#early = undefined
    for (const frame of early) listener.frame(frame)
    if (this.#ended !== undefined) listener.closed(this.#ended)
    else this.#socket.resume()
  }

  send(frame: Frame): boolean {
    const socket = this.#socket
    if (socket.readyState !== OPEN || this.#closing) return false
    const before = socket.bufferedAmount
    if (before >= this.#high) {
      this.#blocked = true
      return false
    }
    this.#about.cork()
    const deep = before + frame.size > this.#low
    socket.send(frame.bytes(), frame.text ? text : binary, deep ? this.#whenWritten : undefined)
    return true
  }

  barrier(mark: number): boolean {
    if (this.#socket.readyState !== OPEN || this.#closing) return false
    this.#barriers ??= new Barriers(this.#about.nonce)
    const payload = this.#barriers.next(mark)
    if (payload === undefined) return false
    this.#about.cork()
    this.#socket.ping(payload)
    return true
  }

  heardBytes(): number {
    return this.#about.heardBytes()
  }

  unsentBytes(): number {
    return this.#about.unsentBytes()
  }

  pause(): void {
    if (!this.#closing) this.#socket.pause() // the answer to our goodbye cannot be read while paused
  }

  resume(): void {
    this.#socket.resume()
  }

  close(code: number, reason: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#ended !== undefined) return Effect.void
      this.#closing = true
      this.#socket.resume()
      if (this.unsentBytes() === 0) return this.#goodbye(code, reason)
      return Effect.flatMap(this.#flushed, (flushed) =>
        flushed ? this.#goodbye(code, reason) : Effect.sync(() => this.cut()),
      )
    })
  }

  cut(): void {
    this.#socket.terminate()
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
      if (CloseCode.isSendable(code)) this.#socket.close(code, CloseCode.cutReason(reason))
      else if (code === 1005) this.#socket.close()
      else this.#socket.close(1011, CloseCode.cutReason(reason))
      return Effect.asVoid(this.closed)
    })
  }

  get #flushed(): Effect.Effect<boolean> {
    const empty = Effect.callback<void>((resume) => this.#about.flush(() => resume(Effect.void)))
    return Patience.whileMoving(Effect.raceFirst(empty, this.closed), () => this.unsentBytes())
  }

  #heard(data: Buffer | ArrayBuffer | Array<Buffer>, isBinary: boolean): void {
    if (this.#violation !== undefined) return
    const frame = new Message(data, !isBinary)
    this.#heardMessages++
    this.#heardBytes += frame.size
    if (this.#listener !== undefined) this.#listener.frame(frame)
    else (this.#early ??= []).push(frame)
  }

  #read(bytes: number): void {
    const coarse = bytes < least ? 0 : Math.ceil(bytes / step) * step
    if (coarse === this.#unfinished) return
    this.#unfinished = coarse
    this.#listener?.unfinished?.(coarse)
  }

  get #whenWritten(): () => void {
    return (this.#written ??= () => {
      if (!this.#blocked || this.#socket.bufferedAmount > this.#low || this.#socket.readyState !== OPEN) return
      this.#blocked = false
      this.#listener?.writable()
    })
  }

  #controlled(): void {
    const { bytes, messages } = controlFrames.freeBehind
    const free = this.#heardMessages >= messages || this.#heardBytes >= bytes
    this.#heardMessages = 0
    this.#heardBytes = 0
    if (free) return
    this.#control ??= new TokenBucket(controlFrames.perSecond, controlFrames.burst)
    if (this.#control.take(this.#about.now()) || this.#violation !== undefined) return
    this.#violation = { code: 1008, reason: "too many control frames", clean: false }
    this.#socket.close(this.#violation.code, this.#violation.reason)
  }

  #over(code: number, reason: Buffer): void {
    this.#ended = this.#violation ?? { code, reason: reason.toString("utf8"), clean: code !== 1006 }
    const waiting = this.#waiting
    this.#waiting = undefined
    // First the listener, because whoever waited may look at what it has been told.
    this.#listener?.closed(this.#ended)
    if (waiting !== undefined) for (const resume of waiting) resume(this.#ended)
  }
}

const text = { binary: false } as const
const binary = { binary: true } as const

// `ws` names what the peer did wrong; any other error is followed by a 1006 close.
const violationCode = (code: string | undefined): number | undefined => {
  if (code === undefined || !code.startsWith("WS_ERR_")) return undefined
  if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH" || code === "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH") return 1009
  if (code === "WS_ERR_INVALID_UTF8") return 1007
  return code === "WS_ERR_TOO_MANY_BUFFERED_PARTS" ? 1008 : 1002
}

class Message implements Frame {
  readonly text: boolean
  readonly size: number
  readonly #data: Uint8Array
  constructor(data: Buffer | ArrayBuffer | Array<Buffer>, text: boolean) {
    // With the default `binaryType` of "nodebuffer" `ws` hands out one Buffer; the other shapes are for other settings.
    this.#data = Array.isArray(data) ? Buffer.concat(data) : data instanceof ArrayBuffer ? new Uint8Array(data) : data
    this.text = text
    this.size = this.#data.byteLength
  }
  bytes(): Uint8Array {
    return this.#data
  }
}
