/**
 * One end of a virtual connection as `ws` 8.23 on a Node socket behaves, quirks included: what it emits, in which order, and what it
 * never tells.
 */
import { type End, fin, type Machine, type Trace } from "./networkEnd.ts"
import { type Frame, type Request, type Response, sizeOf } from "./networkFrame.ts"
import type { Pipe } from "./networkPipe.ts"
import { type BinaryType, bufferOf, bytesOf, type Data, maySend, payloadOf } from "./networkWebData.ts"
import { WebEvents } from "./networkWebEvents.ts"
import type { EndOptions, Observer } from "./networkWebOptions.ts"

type Done = (error?: Error) => void

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3
const chunk = 64 * 1024 // libuv's read
const mostPongs = 60 // `maxPendingAutoPongs`

/** Also emits `head` with the other end's half of the handshake, and `read` after every chunk. */
export class VirtualWebSocket extends WebEvents implements End {
  readonly CONNECTING = CONNECTING
  readonly OPEN = OPEN
  readonly CLOSING = CLOSING
  readonly CLOSED = CLOSED
  readyState: number = CONNECTING
  binaryType: BinaryType = "nodebuffer"
  protocol = ""
  readonly extensions = ""
  readonly url: string
  /** Bytes it has read, of any kind. */
  heard = 0
  observer: Observer = {}
  trace: Trace = { opened: () => {}, closed: () => {} }
  readonly machine: Machine
  readonly options: EndOptions
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
  #answered = false
  #deaf = false
  #failed = false
  #closeSent = false
  #closeReceived = false
  #broken = false
  #finWritten = false
  #finSent = false
  #finRead = false
  #destroyed = false
  #hungUp = false
  #failure: Error | undefined
  #stopTimer = () => {}

  constructor(machine: Machine, out: Pipe, incoming: Pipe, url: string, options: EndOptions) {
    super()
    this.machine = machine
    this.#out = out
    this.#in = incoming
    this.url = url
    this.options = options
    incoming.reader = {
      readable: () => this.machine.act(() => this.#read()),
      reset: () => this.machine.act(() => this.die()),
    }
  }

  get bufferedAmount(): number {
    return this.#out.buffered + this.#discarded
  }
  get isPaused(): boolean {
    return this.#paused
  }
  /** Bytes the kernel has not taken. */
  get unsentBytes(): number {
    return this.#out.unsent + this.#discarded
  }
  /** Bytes read of the message that is not whole. */
  get unfinished(): number {
    return this.#parsed - this.#frameEnd
  }
  /** It has answered something else than 101. */
  get isRefused(): boolean {
    return this.#finWritten
  }

  send(data: Data, options?: { readonly binary?: boolean } | Done, done?: Done): void {
    const bytes = bytesOf(data)
    const written = typeof options === "function" ? options : done
    const binary =
      typeof options === "object" && options.binary !== undefined ? options.binary : typeof data !== "string"
    if (!this.#isOpen(bytes, written)) return
    const message = { text: !binary, data: bytes }
    this.observer.sent?.(message)
    this.#write({ _tag: "Message", message }, written)
  }
  ping(data: Data = nothing, _mask?: boolean, written?: Done): void {
    const bytes = bytesOf(data)
    if (this.#isOpen(bytes, written)) this.#write({ _tag: "Ping", data: bytes }, written)
  }
  pong(data: Data = nothing, _mask?: boolean, written?: Done): void {
    const bytes = bytesOf(data)
    if (this.#isOpen(bytes, written)) this.#write({ _tag: "Pong", data: bytes }, written)
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
    this.machine.loop.after(0, () => {
      this.#resuming = false
      this.#read()
    })
  }
  /** Holds writes back until the next turn, as a corked Node socket does. */
  cork(): void {
    this.#out.cork()
  }
  /** Calls back when everything before is with the kernel, or never will be. */
  flush(done: () => void): void {
    if (this.#destroyed) this.machine.loop.after(0, done)
    else this.#out.write(undefined, 0, () => this.machine.act(done))
  }
  close(code?: number, reason: string | Uint8Array = ""): void {
    const words = typeof reason === "string" ? reason : new TextDecoder().decode(reason)
    if (this.readyState === CLOSED) return
    if (this.readyState === CONNECTING) return this.terminate()
    if (this.readyState === CLOSING) {
      if (this.#closeSent && (this.#closeReceived || this.#broken)) this.#fin()
      return
    }
    if (code !== undefined && !maySend(code)) throw new TypeError("First argument must be a valid error code number")
    if (bytesOf(words).byteLength > 123) throw new RangeError("The message must not be greater than 123 bytes")
    this.#goodbye(code ?? 1005, words)
  }
  terminate(): void {
    if (this.readyState === CLOSED) return
    if (this.readyState === CONNECTING && this.options.client) {
      this.#failure ??= new Error("WebSocket was closed before the connection was established")
    }
    this.readyState = CLOSING
    this.#destroy()
  }

  connected(): void {
    this.emit("connected")
  }
  refused(error: Error): void {
    if (this.readyState !== CONNECTING || this.#destroyed) return
    this.#failure = error
    this.readyState = CLOSING
    this.#destroyed = true
    this.#closed()
  }
  wake(): void {
    this.#read()
  }
  over(): boolean {
    return this.readyState === CLOSED
  }
  goodbye(code: number, reason: string): ReadonlyArray<readonly [frame: Frame, size: number]> {
    const close: Frame = { _tag: "Close", code, reason }
    return this.readyState === CONNECTING ? [fin] : [[close, sizeOf(close, !this.options.client)], fin]
  }
  abort(): void {
    if (this.readyState !== CLOSED) this.#out.reset()
    this.readyState = CLOSED
    this.#destroyed = true
    this.silence()
  }
  /** Finds out that the connection is dead. */
  die(): void {
    if (this.#destroyed) return
    if (this.readyState === CONNECTING && this.options.client && !this.#answered) this.#failure ??= hangUp()
    this.#destroyed = true
    this.#closed()
  }

  /** Sends its half of the handshake. */
  greet(head: Request | Response): void {
    if (this.readyState === CONNECTING) this.#write(head)
  }
  /** The handshake is over. */
  open(protocol: string): void {
    if (this.readyState !== CONNECTING) return
    this.protocol = protocol
    this.readyState = OPEN
    this.trace.opened()
  }
  /** The answer was not a 101: the server ends the stream behind it. */
  refuse(): void {
    this.#fin()
  }
  /** A handshake that failed is told as an error, before the end. */
  fail(error: Error): void {
    this.#failure ??= error
    this.terminate()
  }

  #isOpen(data: Uint8Array, written: Done | undefined): boolean {
    if (this.readyState === CONNECTING) throw new Error("WebSocket is not open: readyState 0 (CONNECTING)")
    if (this.readyState === OPEN) return true
    this.#discarded += data.byteLength // `ws` never takes it back
    const state = this.readyState === CLOSING ? "2 (CLOSING)" : "3 (CLOSED)"
    if (written !== undefined)
      this.machine.loop.after(0, () => written(new Error(`WebSocket is not open: readyState ${state}`)))
    return false
  }
  #goodbye(code: number, reason: string): void {
    this.readyState = CLOSING
    this.#stopTimer = this.machine.loop.after(this.options.closeTimeout, () => this.#destroy())
    this.#write({ _tag: "Close", code, reason }, (error) => {
      if (error) return
      this.#closeSent = true
      if (this.#closeReceived || this.#broken) this.#fin()
    })
  }
  #write(frame: Frame, written?: Done): void {
    this.#out.write(
      frame,
      sizeOf(frame, this.options.client),
      written === undefined ? undefined : (error) => this.machine.act(() => written(error)),
    )
  }

  // While it is paused Node goes on reading into the stream's own buffer until that is full.
  #read(): void {
    if (!this.machine.reads()) return
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
        this.#answered = true
        return void this.emit("head", frame)
      case "Message":
        if (frame.message.data.byteLength > this.options.maxPayload)
          return this.#break(1009, "UNSUPPORTED_MESSAGE_LENGTH", "Max payload size exceeded")
        this.observer.received?.(frame.message)
        return void this.emit("message", payloadOf(frame.message, this.binaryType), !frame.message.text)
      case "Ping":
        return this.#pinged(frame.data)
      case "Pong":
        return void this.emit("pong", bufferOf(frame.data))
      case "Close":
        return this.#conclude(frame.code, frame.reason)
      default:
        if (this.readyState !== CONNECTING)
          return this.#break(1002, "INVALID_OPCODE", "Invalid WebSocket frame: invalid opcode 3")
        return this.options.client ? this.fail(new Error("Parse Error: Expected HTTP/")) : this.terminate()
    }
  }
  #pinged(data: Uint8Array): void {
    if (this.options.autoPong && this.readyState === OPEN) {
      if (this.#pongs >= mostPongs) this.terminate()
      else {
        this.#pongs++
        this.#write({ _tag: "Pong", data }, () => this.#pongs--)
      }
    }
    this.emit("ping", bufferOf(data))
  }
  #conclude(code: number, reason: string): void {
    this.#closeReceived = true
    this.#code = code
    this.#reason = reason
    this.#ignore()
    if (this.readyState === OPEN) this.#goodbye(code, reason)
    else this.close()
  }
  #break(code: number, name: string, words: string): void {
    this.#broken = true
    this.#ignore()
    if (this.readyState === OPEN) this.#goodbye(code, "")
    else this.close()
    this.#complain(Object.assign(new RangeError(words), { code: `WS_ERR_${name}` }))
  }
  #complain(error: Error): void {
    if (this.#failed) return
    this.#failed = true
    this.emit("error", error)
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
    if (this.readyState === CONNECTING && this.options.client && !this.#answered) return this.fail(hangUp())
    if (this.readyState !== CLOSED) this.readyState = CLOSING
    this.#fin()
    this.#parted()
  }
  #parted(): void {
    if (!this.#finSent || !this.#finRead || this.#destroyed) return
    this.#destroyed = true
    this.machine.loop.after(0, () => this.#closed())
  }
  #destroy(): void {
    if (this.#destroyed) return
    this.#destroyed = true
    this.#hungUp = !this.options.resets && this.#in.arrived === 0
    if (this.#hungUp) this.#out.finish()
    else this.#out.reset()
    this.machine.loop.after(0, () => this.#closed())
  }
  #closed(): void {
    if (this.readyState === CLOSED) return
    this.readyState = CLOSING
    this.#stopTimer()
    if (this.#ahead > 0 && !this.#closeReceived && !this.#broken) this.#parse()
    this.#out.abandon()
    this.readyState = CLOSED
    if (this.#failure !== undefined) this.#complain(this.#failure)
    const info = { code: this.#code, reason: this.#reason, clean: this.#code !== 1006 }
    this.trace.closed({ code: info.code, reason: info.reason })
    this.observer.ended?.(info)
    this.emit("close", this.#code, bufferOf(bytesOf(this.#reason)))
  }
}

const nothing = new Uint8Array()
const hangUp = (): Error => Object.assign(new Error("socket hang up"), { code: "ECONNRESET" })
