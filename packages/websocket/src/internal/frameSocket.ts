/**
 * Platform file: WebSocket frames over one TCP or TLS connection whose handshake is over. What is sent in one turn of the event loop is
 * written at its end, in one piece if it is not much. There may be very many, so their listeners are shared.
 */
import type { Socket } from "node:net"
import * as Entropy from "@holdfast/core/Entropy"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type { Headers } from "../Transport.ts"
import * as Frame from "./frame.ts"
import { FrameReader, type Hears } from "./frameReader.ts"
import type { Port, Sink } from "./port.ts"
import * as Wheel from "./wheel.ts"

/** A peer that closes the WebSocket but keeps the TCP connection is cut after this, in milliseconds. */
const closeTimeout = 10_000

/** TCP keepalive starts after this much silence, in milliseconds; Node then probes ten times, a second apart. */
const keepAlive = 30_000

/** Bytes that are copied into one write rather than written one by one. */
const little = 32 * 1024

/** What is known of the connection. */
export interface Opened {
  readonly socket: Socket
  readonly protocol: string
  readonly headers: Headers
  /** Clients mask what they send, and servers do not. */
  readonly client: boolean
  readonly maxMessage: number
}

/** The connection; it is not read until somebody resumes it. */
export class FrameSocket implements Port, Hears {
  readonly protocol: string
  readonly headers: Headers
  readonly #socket: Owned
  readonly #client: boolean
  readonly #reader: FrameReader
  readonly #clock: Clock.Clock
  readonly #entropy: typeof Entropy.Entropy.Service
  #sink: Sink | undefined
  /** What goes out at the end of this turn. */
  #batch: Array<Uint8Array> | undefined
  #bytes = 0
  #done: (() => void) | undefined
  /** The last Ping that is to be answered when the peer reads again. */
  #owed: Uint8Array | undefined
  #open = true
  #said = false
  #heard: { readonly code: number; readonly reason: string } | undefined
  #broken = false
  #timer: NodeJS.Timeout | undefined
  #kept = false

  constructor({ client, headers, maxMessage, protocol, socket }: Opened, context: Context.Context<never>) {
    this.protocol = protocol
    this.headers = headers
    this.#socket = socket
    this.#client = client
    this.#reader = new FrameReader({ masked: !client, maxMessage }, this)
    this.#clock = Context.get(context, Clock.Clock)
    this.#entropy = Context.get(context, Entropy.Entropy)
    this.#socket[owner] = this
    socket.pause()
    socket.on("data", onData)
    socket.on("end", onEnd)
    socket.on("close", onClose)
    socket.on("drain", onDrain)
    socket.on("error", ignore) // its close event tells
  }

  hear(sink: Sink): void {
    this.#sink = sink
  }

  get nonce(): number {
    const random = this.#entropy.bytes(4)
    return new DataView(random.buffer, random.byteOffset).getUint32(0)
  }

  now(): number {
    return Wheel.millis(this.#clock)
  }

  get isOpen(): boolean {
    return this.#open && !this.#socket.destroyed // it fails its writes before it says that it is closed
  }

  get bufferedAmount(): number {
    return this.#bytes + this.#socket.writableLength
  }

  // The stream counts a write as a whole until it is finished; libuv's own count falls while a large one makes progress.
  unsentBytes(): number {
    const { _handle: handle, writableLength: waiting } = this.#socket
    const writing = this.#socket._writableState?.writelen ?? 0
    return this.#bytes + waiting - writing + Math.min(writing, handle?.writeQueueSize ?? writing)
  }

  heardBytes(): number {
    return this.#socket.bytesRead
  }

  send(data: Uint8Array, text: boolean, done: (() => void) | undefined): void {
    this.#write(text ? Frame.opcode.text : Frame.opcode.binary, data)
    if (done !== undefined) this.#done = done
  }

  ping(payload: Uint8Array): void {
    this.#write(Frame.opcode.ping, payload)
  }

  pause(): void {
    if (this.#open) this.#socket.pause() // its end must be seen
  }

  resume(): void {
    this.#socket.resume()
  }

  close(code: number | undefined, reason: string): void {
    if (this.#said || !this.#socket.writable) return
    this.#write(Frame.opcode.close, Frame.goodbye(code, reason))
    this.#said = true
    this.#open = false
    this.#timer ??= setTimeout(cut, closeTimeout, this.#socket)
    if (this.#heard !== undefined || this.#broken) this.#end()
  }

  terminate(): void {
    this.#open = false
    this.#socket.destroy()
  }

  flush(done: () => void): void {
    this.flushed()
    if (this.#socket.writable) this.#socket.write("", () => done())
  }

  keepAlive(): void {
    if (this.#kept) return
    this.#kept = true
    this.#socket.setKeepAlive(true, keepAlive)
  }

  // What the reader has read.

  message(data: Buffer, text: boolean): void {
    this.#sink?.message(data, text)
  }

  pinged(payload: Buffer): void {
    // One that does not read is owed the last one only, which answers all before (RFC 6455 5.5.3).
    if (!this.#socket.writableNeedDrain) this.#write(Frame.opcode.pong, payload)
    else this.#owed = Uint8Array.from(payload)
    this.#sink?.pinged()
  }

  ponged(payload: Buffer): void {
    this.#sink?.ponged(payload)
  }

  goodbye(code: number, reason: string): void {
    this.#heard = { code, reason }
    if (this.#said) this.#end()
    else this.close(code === 1005 ? undefined : code, reason)
  }

  violated(code: number, why: string): void {
    this.#broken = true
    this.#sink?.violated(code, why)
    if (this.#said) this.#end()
    else this.close(code, "")
  }

  // What the socket has to say.

  took(chunk: Buffer): void {
    this.#reader.take(chunk)
    this.#sink?.read(this.#reader.unfinished)
  }

  ended(): void {
    this.#open = false
    this.#timer ??= setTimeout(cut, closeTimeout, this.#socket)
    this.#end()
  }

  over(): void {
    this.#open = false
    clearTimeout(this.#timer)
    this.#batch = undefined
    this.#bytes = 0
    const rest = this.#heard === undefined && !this.#broken ? (this.#socket.read() as Buffer | null) : null
    if (rest !== null) this.#reader.take(rest)
    const { code, reason } = this.#heard ?? { code: 1006, reason: "" }
    this.#sink?.over(code, reason)
    this.#sink = undefined
  }

  drained(): void {
    const owed = this.#owed
    this.#owed = undefined
    if (owed !== undefined) this.#write(Frame.opcode.pong, owed)
  }

  /** The end of the turn. */
  flushed(): void {
    const batch = this.#batch
    if (batch === undefined) return
    const [socket, bytes, done] = [this.#socket, this.#bytes, this.#done]
    this.#batch = undefined
    this.#bytes = 0
    this.#done = undefined
    if (batch.length === 1) socket.write(batch[0]!, done)
    else if (bytes <= little) socket.write(Buffer.concat(batch, bytes), done)
    else {
      socket.cork()
      const last = batch.pop()!
      for (const piece of batch) socket.write(piece)
      socket.write(last, done)
      socket.uncork()
    }
  }

  #write(opcode: number, payload: Uint8Array): void {
    if (this.#said || !this.#socket.writable) return
    if (this.#batch === undefined) {
      this.#batch = []
      process.nextTick(flush, this)
    }
    for (const piece of Frame.pieces(opcode, payload, this.#client ? key(this.#entropy) : undefined)) {
      this.#batch.push(piece)
      this.#bytes += piece.byteLength
    }
  }

  // Both have said goodbye, or the other is gone: our half of the TCP connection is closed, and its half is only read to its end.
  #end(): void {
    this.flushed()
    this.#reader.stop()
    this.#socket.end()
    this.#socket.resume()
  }
}

const owner = Symbol("owner")

type Owned = Socket & {
  [owner]?: FrameSocket
  readonly _writableState?: { readonly writelen?: number }
  readonly _handle?: { readonly writeQueueSize: number } | null
}

function onData(this: Owned, chunk: Buffer): void {
  this[owner]!.took(chunk)
}
function onEnd(this: Owned): void {
  this[owner]!.ended()
}
function onClose(this: Owned): void {
  this[owner]!.over()
}
function onDrain(this: Owned): void {
  this[owner]!.drained()
}
const flush = (of: FrameSocket) => of.flushed()
const cut = (socket: Socket) => socket.destroy()
const ignore = () => {}

// Nobody on the way may guess them (RFC 6455 10.3). Many at once, because each call of the system's source is dear.
let pool: Uint8Array = new Uint8Array(0)
let used = 0
const key = (entropy: typeof Entropy.Entropy.Service): Uint8Array => {
  if (used === pool.length) {
    pool = entropy.bytes(8192)
    used = 0
  }
  return pool.subarray(used, (used += 4))
}
