/**
 * A port over what is shaped like a WebSocket of `ws`.
 */
import type { Headers } from "../Transport.ts"
import type { Port, Sink } from "./port.ts"

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

/** What only its maker knows about the socket. */
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

const OPEN = 1

/** The socket must be paused, or not have received anything yet. */
export class ShapedPort implements Port {
  readonly protocol: string
  readonly headers: Headers
  readonly nonce: number
  readonly #socket: SocketLike
  readonly #about: About

  constructor(socket: SocketLike, about: About) {
    this.protocol = about.protocol
    this.headers = about.headers
    this.nonce = about.nonce
    this.#socket = socket
    this.#about = about
  }

  hear(sink: Sink): void {
    const socket = this.#socket
    socket.on("message", (data, isBinary) => sink.message(whole(data), !isBinary))
    socket.on("ping", () => sink.pinged())
    socket.on("pong", (payload) => sink.ponged(payload))
    socket.on("error", (error) => {
      const code = violationCode(error.code)
      if (code !== undefined) sink.violated(code, error.message)
    })
    socket.on("close", (code, reason) => sink.over(code, reason.toString("utf8")))
    this.#about.onRead((unfinished) => sink.read(unfinished))
  }

  get isOpen(): boolean {
    return this.#socket.readyState === OPEN
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount
  }

  unsentBytes(): number {
    return this.#about.unsentBytes()
  }

  heardBytes(): number {
    return this.#about.heardBytes()
  }

  send(data: Uint8Array, text: boolean, done: (() => void) | undefined): void {
    this.#about.cork()
    this.#socket.send(data, text ? asText : asBinary, done)
  }

  ping(payload: Uint8Array): void {
    this.#about.cork()
    this.#socket.ping(payload)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  close(code: number | undefined, reason: string): void {
    if (code === undefined) this.#socket.close()
    else this.#socket.close(code, reason)
  }

  terminate(): void {
    this.#socket.terminate()
  }

  flush(done: () => void): void {
    this.#about.flush(done)
  }

  now(): number {
    return this.#about.now()
  }
}

const asText = { binary: false } as const
const asBinary = { binary: true } as const

// With the default `binaryType` of "nodebuffer" `ws` hands out one Buffer; the other shapes are for other settings.
const whole = (data: Buffer | ArrayBuffer | Array<Buffer>): Uint8Array =>
  Array.isArray(data) ? Buffer.concat(data) : data instanceof ArrayBuffer ? new Uint8Array(data) : data

// `ws` names what the peer did wrong; any other error is followed by a 1006 close.
const violationCode = (code: string | undefined): number | undefined => {
  if (code === undefined || !code.startsWith("WS_ERR_")) return undefined
  if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH" || code === "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH") return 1009
  if (code === "WS_ERR_INVALID_UTF8") return 1007
  return code === "WS_ERR_TOO_MANY_BUFFERED_PARTS" ? 1008 : 1002
}
