/**
 * One end of a virtual connection as `ws` 8.23 on a Node socket behaves, quirks included: what it emits, in which order, and what it
 * never tells. The proxy's ends go into the real `SocketTransport`; the others are the peers'.
 */
import { EventEmitter } from "node:events"
import type { SocketLike } from "../../src/internal/socketTransport.ts"
import type { CloseInfo } from "../../src/Transport.ts"
import type { EventLoop } from "./eventLoop.ts"
import { type Frame, type Message, type Request, type Response, sizeOf } from "./frame.ts"
import type { Pipe } from "./pipe.ts"

/** Hears what an end's library does, at that moment and before anybody else. */
export interface Observer {
  /** It emits a message. */
  readonly received?: ((message: Message) => void) | undefined
  /** It takes a message to send. Those it discards are not told. */
  readonly sent?: ((message: Message) => void) | undefined
  readonly ended?: ((info: CloseInfo) => void) | undefined
}

/** What differs between ends. */
export interface EndOptions {
  /** Clients mask. */
  readonly client: boolean
  /** Bytes that Node reads ahead while the socket is paused; a connection that dies gives them away. */
  readonly readAhead: number
  /** Larger messages break the protocol. */
  readonly maxMessage: number
  /** Milliseconds for the other end to answer a close frame. */
  readonly closeTimeout: number
  /** Whether Pings are answered. */
  readonly autoPong: boolean
  /**
   * Terminated, it sends a reset, which loses what is under way. Otherwise that depends, as on Linux: when its kernel has nothing
   * unread, what the kernel was given still arrives, then the end of the stream, which a paused end does not see.
   */
  readonly resets: boolean
}

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3
const chunk = 64 * 1024 // libuv's read
const mostPongs = 60 // `maxPendingAutoPongs`

/** Also emits `head` with the other end's half of the handshake, and `read` after every chunk. */
export class VirtualSocket extends EventEmitter implements SocketLike {
  readyState: number = CONNECTING
  observer: Observer = {}
  heard = 0
  readonly options: EndOptions
  readonly #loop: EventLoop
  readonly #out: Pipe
  readonly #in: Pipe
  #code = 1006
  #reason = ""
  #paused = false
  #resuming = false
  #ahead = 0
  #parsed = 0
  #frameEnd = 0
  #discarded = 0
  #pongs = 0
  #deaf = false
  #closeSent = false
  #closeReceived = false
  #broken = false
  #finWritten = false
  #finSent = false
  #finRead = false
  #destroyed = false
  #hungUp = false
  #stopTimer = () => {}

  constructor(loop: EventLoop, out: Pipe, incoming: Pipe, options: EndOptions) {
    super()
    this.#loop = loop
    this.#out = out
    this.#in = incoming
    this.options = options
    incoming.reader = { readable: () => this.#read(), reset: () => this.die() }
    this.on("error", () => {}) // told by its close event
  }

  get bufferedAmount(): number {
    return this.#out.buffered + this.#discarded
  }
  get unsentBytes(): number {
    return this.#out.unsent + this.#discarded
  }
  /** Bytes read of the message that is not whole. */
  get unfinished(): number {
    return this.#parsed - this.#frameEnd
  }
  /** It has answered something else than 101. */
  get refused(): boolean {
    return this.#finWritten
  }

  send(data: Uint8Array, options: { readonly binary: boolean }, done?: (error?: Error | null) => void): void {
    if (this.readyState !== OPEN) {
      this.#discarded += data.byteLength // `ws` never takes it back
      if (done !== undefined) this.#loop.after(0, () => done(new Error("WebSocket is not open")))
      return
    }
    const message = { text: !options.binary, data }
    this.observer.sent?.(message)
    this.#write({ _tag: "Message", message }, done)
  }
  ping(data: Uint8Array): void {
    if (this.readyState === OPEN) this.#write({ _tag: "Ping", data })
  }
  pong(data: Uint8Array, written?: () => void): void {
    if (this.readyState === OPEN) this.#write({ _tag: "Pong", data }, written)
  }
  /** Sends what no WebSocket library understands. */
  garbage(): void {
    if (this.readyState === OPEN) this.#write({ _tag: "Garbage" })
  }
  pause(): void {
    if (this.readyState === OPEN || this.readyState === CLOSING) this.#paused = true
  }
  resume(): void {
    if (this.readyState !== OPEN && this.readyState !== CLOSING) return
    this.#paused = false
    if (this.#resuming || (this.#ahead === 0 && this.#in.arrived === 0)) return
    this.#resuming = true
    this.#loop.after(0, () => {
      this.#resuming = false
      this.#read()
    })
  }
  close(code = 1005, reason = ""): void {
    if (this.readyState === CLOSED) return
    if (this.readyState === CONNECTING) return this.terminate()
    if (this.readyState === CLOSING) {
      if (this.#closeSent && (this.#closeReceived || this.#broken)) this.#fin()
      return
    }
    this.readyState = CLOSING
    this.#stopTimer = this.#loop.after(this.options.closeTimeout, () => this.#destroy())
    this.#write({ _tag: "Close", code, reason }, (error) => {
      if (error) return
      this.#closeSent = true
      if (this.#closeReceived || this.#broken) this.#fin()
    })
  }
  terminate(): void {
    if (this.readyState === CLOSED) return
    this.readyState = CLOSING
    this.#destroy()
  }

  /** Sends its half of the handshake. */
  greet(head: Request | Response): void {
    if (this.readyState === CONNECTING) this.#write(head)
  }
  /** The handshake is over. */
  open(): void {
    if (this.readyState === CONNECTING) this.readyState = OPEN
  }
  /** The answer was not a 101: the server ends the stream behind it. */
  refuse(): void {
    this.#fin()
  }
  /** Finds out that the connection is dead. */
  die(): void {
    if (this.#destroyed) return
    this.#destroyed = true
    this.#closed()
  }

  #write(frame: Frame, written?: (error?: Error) => void): void {
    this.#out.write(frame, sizeOf(frame, this.options.client), written)
  }
  /** Calls back when everything before is with the kernel, or never will be. */
  flush(done: () => void): void {
    if (this.#destroyed) this.#loop.after(0, done)
    else this.#out.write(undefined, 0, () => done())
  }

  // While it is paused Node goes on reading into the stream's own buffer until that is full.
  #read(): void {
    if (this.#hungUp) this.#out.reset() // what the kernel answers for a socket that is not there any more
    while (!this.#destroyed) {
      const paused = this.#paused
      // What was read ahead comes first, and may have its listener pause again.
      if (!paused && this.#ahead > 0) {
        this.#parse()
        continue
      }
      const bytes = this.#in.take(paused ? Math.min(chunk, this.options.readAhead - this.#ahead) : chunk)
      this.heard += bytes
      this.#ahead += bytes
      if (this.#ahead === 0 || paused) {
        if (bytes === 0) return
      } else this.#parse()
    }
  }
  // A chunk is gone through to its end, whatever its listeners do; only the handshake stops it, because then others take over.
  #parse(): void {
    const end = this.#parsed + this.#ahead
    let next = this.#in.next(end)
    this.#ahead = 0
    for (; next !== undefined; next = this.#in.next(end)) {
      this.#frameEnd = this.#parsed = next.end
      this.#frame(next.frame)
      if (next.frame._tag !== "Request" && next.frame._tag !== "Response") continue
      this.#ahead = end - this.#parsed
      return
    }
    this.#parsed = end
    this.emit("read")
  }
  #frame(frame: Frame): void {
    if (frame._tag === "Fin") return this.#ended()
    if (this.#deaf) return
    switch (frame._tag) {
      case "Request":
      case "Response":
        return void this.emit("head", frame)
      case "Message":
        if (frame.message.data.byteLength > this.options.maxMessage)
          return this.#break(1009, "UNSUPPORTED_MESSAGE_LENGTH")
        this.observer.received?.(frame.message)
        return void this.emit("message", bufferOf(frame.message.data), !frame.message.text)
      case "Ping":
        return this.#pinged(frame.data)
      case "Pong":
        return void this.emit("pong", bufferOf(frame.data))
      case "Close":
        return this.#conclude(frame.code, frame.reason)
      case "Garbage":
        return this.#break(1002, "INVALID_OPCODE")
    }
  }
  #pinged(data: Uint8Array): void {
    if (this.options.autoPong && this.readyState === OPEN) {
      if (this.#pongs >= mostPongs) this.terminate()
      else {
        this.#pongs++
        this.pong(data, () => this.#pongs--)
      }
    }
    this.emit("ping", bufferOf(data))
  }
  #conclude(code: number, reason: string): void {
    this.#closeReceived = true
    this.#code = code
    this.#reason = reason
    this.#ignore()
    this.close(code, reason)
  }
  #break(code: number, name: string): void {
    this.#broken = true
    this.#ignore()
    this.close(code)
    this.emit("error", Object.assign(new Error(`the peer broke the protocol: ${name}`), { code: `WS_ERR_${name}` }))
  }
  // Whatever still comes is thrown away, but it is read: the end of the stream must be seen.
  #ignore(): void {
    this.#deaf = true
    this.#paused = false
  }

  #fin(): void {
    if (this.#finWritten || this.#destroyed) return
    this.#finWritten = true
    this.#write({ _tag: "Fin" }, (error) => {
      if (error) return
      this.#finSent = true
      this.#parted()
    })
  }
  #ended(): void {
    this.#finRead = true
    if (this.readyState !== CLOSED) this.readyState = CLOSING
    this.#fin()
    this.#parted()
  }
  #parted(): void {
    if (!this.#finSent || !this.#finRead || this.#destroyed) return
    this.#destroyed = true
    this.#loop.after(0, () => this.#closed())
  }
  #destroy(): void {
    if (this.#destroyed) return
    this.#destroyed = true
    this.#hungUp = !this.options.resets && this.#in.arrived === 0
    if (this.#hungUp) this.#out.finish()
    else this.#out.reset()
    this.#loop.after(0, () => this.#closed())
  }
  #closed(): void {
    this.readyState = CLOSING
    this.#stopTimer()
    if (this.#ahead > 0 && !this.#closeReceived && !this.#broken) this.#parse()
    this.#out.abandon()
    this.readyState = CLOSED
    const info = { code: this.#code, reason: this.#reason, clean: this.#code !== 1006 }
    this.observer.ended?.(info)
    this.emit("close", this.#code, Buffer.from(this.#reason))
  }
}

const bufferOf = (data: Uint8Array): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength)
