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

/** Wraps the socket; it must be paused, or not have received anything yet. */
export const make = (socket: SocketLike, about: About): Transport => {
  let listener: Listener | undefined
  let ended: CloseInfo | undefined
  let violation: CloseInfo | undefined
  let high = highWatermark
  let low = highWatermark / 4
  let blocked = false
  let closing = false
  let unfinished = 0
  let heardMessages = 0
  let heardBytes = 0
  let control: TokenBucket | undefined
  const barriers = new Barriers(about.nonce)
  const early: Array<Frame> = [] // a paused socket that breaks still gives away what it had read: 64 KiB
  const waiting = new Set<(info: CloseInfo) => void>()

  const written = () => {
    if (!blocked || socket.bufferedAmount > low || socket.readyState !== OPEN) return
    blocked = false
    listener?.writable()
  }

  const controlled = () => {
    const { bytes, messages } = controlFrames.freeBehind
    const free = heardMessages >= messages || heardBytes >= bytes
    heardMessages = 0
    heardBytes = 0
    if (free) return
    control ??= new TokenBucket(controlFrames.perSecond, controlFrames.burst)
    if (control.take(about.now()) || violation !== undefined) return
    violation = { code: 1008, reason: "too many control frames", clean: false }
    socket.close(violation.code, violation.reason)
  }

  socket.on("message", (data, isBinary) => {
    if (violation !== undefined) return
    const frame = new Message(data, !isBinary)
    heardMessages++
    heardBytes += frame.size
    if (listener === undefined) early.push(frame)
    else listener.frame(frame)
  })
  socket.on("ping", controlled)
  socket.on("pong", (payload) => {
    const mark = barriers.answered(payload)
    if (mark === undefined) controlled()
    else listener?.confirmed?.(mark)
  })
  socket.on("error", (error) => {
    const code = violationCode(error.code)
    if (code !== undefined) violation ??= { code, reason: error.message, clean: false }
  })
  socket.on("close", (code, reason) => {
    ended = violation ?? { code, reason: reason.toString("utf8"), clean: code !== 1006 }
    for (const resume of waiting) resume(ended)
    waiting.clear()
    listener?.closed(ended)
  })

  const closed = Effect.callback<CloseInfo>((resume) => {
    if (ended !== undefined) return resume(Effect.succeed(ended))
    const done = (info: CloseInfo) => resume(Effect.succeed(info))
    waiting.add(done)
    return Effect.sync(() => waiting.delete(done))
  })

  const empty = Effect.callback<void>((resume) => about.flush(() => resume(Effect.void)))
  const flushed = Patience.whileMoving(Effect.raceFirst(empty, closed), about.unsentBytes)

  return {
    protocol: about.protocol,
    headers: about.headers,
    listen: (given, highWatermark = high) => {
      high = highWatermark
      low = high / 4
      listener = given
      if (given.unfinished !== undefined) {
        about.onRead((bytes) => {
          const coarse = bytes - (bytes % step)
          if (coarse === unfinished) return
          unfinished = coarse
          given.unfinished?.(coarse)
        })
      }
      if (socket.bufferedAmount > low) about.flush(written) // what was sent until now went by the default mark
      for (const frame of early.splice(0)) listener.frame(frame)
      if (ended !== undefined) listener.closed(ended)
      else socket.resume()
    },
    send: (frame) => {
      if (socket.readyState !== OPEN || closing) return false
      if (socket.bufferedAmount >= high) {
        blocked = true
        return false
      }
      about.cork()
      const deep = socket.bufferedAmount + frame.size > low
      socket.send(frame.bytes(), frame.text ? text : binary, deep ? written : undefined)
      return true
    },
    barrier: (mark) => {
      if (socket.readyState !== OPEN || closing) return false
      const payload = barriers.next(mark)
      if (payload === undefined) return false
      about.cork()
      socket.ping(payload)
      return true
    },
    heardBytes: about.heardBytes,
    unsentBytes: about.unsentBytes,
    pause: () => {
      if (!closing) socket.pause() // the answer to our goodbye cannot be read while paused
    },
    resume: () => socket.resume(),
    close: Effect.fnUntraced(function* (code, reason) {
      if (ended !== undefined) return
      closing = true
      socket.resume()
      if (yield* flushed) {
        if (CloseCode.isSendable(code)) socket.close(code, CloseCode.cutReason(reason))
        else if (code === 1005) socket.close()
        else socket.close(1011, CloseCode.cutReason(reason))
        yield* Effect.timeoutOption(closed, Patience.longest)
      }
      if (ended === undefined) socket.terminate()
    }),
    cut: () => socket.terminate(),
    closed,
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
