/**
 * Reads the frames of one connection (RFC 6455 5): whole messages come out of reads of any size, and whoever breaks the rules is told
 * which. A message that came in one read is a view of it. Knows no socket.
 */
import { isUtf8 } from "node:buffer"
import * as CloseCode from "./closeCode.ts"
import * as Frame from "./frame.ts"
import { unmask } from "./mask.ts"

/** Who is told what was read; during `take`. */
export interface Hears {
  message(data: Buffer, text: boolean): void
  pinged(payload: Buffer): void
  ponged(payload: Buffer): void
  /** Nothing is read after it. 1005: it had no code. */
  goodbye(code: number, reason: string): void
  /** The peer broke the protocol, which is to be told this code. Nothing is read after it. */
  violated(code: number, why: string): void
}

/** What a reader insists on. */
export interface Rules {
  /** Whether frames must be masked, as those of clients, or must not. */
  readonly masked: boolean
  /** Bytes of a message. */
  readonly maxMessage: number
}

/** A message may come in so many fragments, and a frame in so many reads: each costs more than its bytes. */
const [maxFragments, maxReads] = [16_384, 262_144]

/** What a fragment or a read costs beside its bytes. */
const perPiece = 192

/** Less than this is copied, in bytes, lest it keep a much larger read that it came in. */
const little = 4096

const none = Buffer.alloc(0)

/** Between two frames. */
export class FrameReader {
  readonly #rules: Rules
  readonly #hears: Hears
  /** The beginning of a header that is not whole. */
  #header: Buffer = none
  /** The frame that is read now; `-1`: its header is not whole. */
  #opcode = -1
  #final = false
  #length = 0
  #key: Uint8Array | undefined
  /** What there is of its payload, and of the message before it. */
  #pieces: Array<Buffer> | undefined
  #read = 0
  #fragments: Array<Buffer> | undefined
  #gathered = 0
  /** Of the message that is not whole: text or binary. */
  #message = Frame.opcode.continuation as number
  #stopped = false

  constructor(rules: Rules, hears: Hears) {
    this.#rules = rules
    this.#hears = hears
  }

  /** Bytes of memory for a message that is not whole. */
  get unfinished(): number {
    const pieces = (this.#pieces?.length ?? 0) + (this.#fragments?.length ?? 0)
    return this.#header.length + this.#read + this.#gathered + perPiece * pieces
  }

  /** Nothing is read any more. */
  stop(): void {
    this.#stopped = true
    this.#header = none
    this.#pieces = undefined
    this.#fragments = undefined
    this.#read = this.#gathered = 0
  }

  /** Bytes arrived; they are the reader's from now on. */
  take(chunk: Buffer): void {
    let bytes = chunk
    if (this.#header.length > 0) {
      bytes = Buffer.concat([this.#header, chunk])
      this.#header = none
    }
    for (let at = 0; !this.#stopped;) {
      if (this.#opcode === -1) {
        const size = this.#begin(bytes, at)
        if (size === 0) {
          if (!this.#stopped && at < bytes.length) this.#header = kept(bytes.subarray(at))
          return
        }
        at += size
      }
      const end = at + this.#length - this.#read
      if (end > bytes.length) return this.#keep(bytes.subarray(at))
      this.#end(this.#whole(bytes.subarray(at, end)))
      at = end
      if (at === bytes.length) return
    }
  }

  /** Reads a header; the answer is its size, 0 when it is not whole or against the rules. */
  #begin(bytes: Buffer, at: number): number {
    if (bytes.length - at < 2) return 0
    const [first, second] = [bytes[at]!, bytes[at + 1]!]
    const wrong = this.#refusal(first, second)
    if (wrong !== undefined) return this.#violated(1002, wrong)
    const masked = second >= 0x80
    const short = second & 0x7f
    const wide = short < 126 ? 0 : short === 126 ? 2 : 8
    const size = 2 + wide + (masked ? 4 : 0)
    if (bytes.length - at < size) return 0
    // As a double: what it cannot count exactly is too long anyway.
    const length =
      wide === 0
        ? short
        : wide === 2
          ? bytes.readUInt16BE(at + 2)
          : bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6)
    const opcode = first & 0x0f
    if (opcode < Frame.opcode.close && this.#gathered + length > this.#rules.maxMessage) {
      return this.#violated(1009, `a message is larger than ${this.#rules.maxMessage} bytes`)
    }
    this.#opcode = opcode
    this.#final = first >= 0x80
    this.#length = length
    this.#key = masked ? bytes.subarray(at + size - 4, at + size) : undefined
    return size
  }

  /** What the first two bytes say against the rules. */
  #refusal(first: number, second: number): string | undefined {
    const [opcode, final, length] = [first & 0x0f, first >= 0x80, second & 0x7f]
    if ((first & 0x70) !== 0) return "a reserved bit is set, and no extension was agreed on"
    if (second >= 0x80 !== this.#rules.masked) {
      return this.#rules.masked ? "a client's frame is not masked" : "a server's frame is masked"
    }
    if (opcode >= Frame.opcode.close) {
      if (opcode > Frame.opcode.pong) return `unknown opcode ${opcode}`
      if (!final) return "a control frame is fragmented"
      return length > 125 || (opcode === Frame.opcode.close && length === 1)
        ? "a control frame has a wrong length"
        : undefined
    }
    if (opcode > Frame.opcode.binary) return `unknown opcode ${opcode}`
    const continues = this.#fragments !== undefined
    if (continues === (opcode === Frame.opcode.continuation)) return undefined
    return continues ? "a message begins inside another" : "a continuation of nothing"
  }

  /** A part of the payload. */
  #keep(part: Buffer): void {
    // Lest the key keep the read that it came in.
    if (this.#key !== undefined && this.#pieces === undefined) this.#key = Uint8Array.from(this.#key)
    this.#pieces ??= []
    if (part.length === 0) return
    this.#pieces.push(kept(part))
    this.#read += part.length
    if (this.#pieces.length > maxReads) this.#violated(1008, `a frame came in more than ${maxReads} reads`)
  }

  /** The payload, unmasked. */
  #whole(last: Buffer): Buffer {
    const pieces = this.#pieces
    pieces?.push(last)
    const payload = pieces === undefined || pieces.length === 1 ? last : Buffer.concat(pieces, this.#length)
    this.#pieces = undefined
    this.#read = 0
    if (this.#key !== undefined) unmask(payload, this.#key)
    return payload
  }

  #end(payload: Buffer): void {
    const opcode = this.#opcode
    this.#opcode = -1
    this.#key = undefined
    if (opcode === Frame.opcode.ping) this.#hears.pinged(payload)
    else if (opcode === Frame.opcode.pong) this.#hears.ponged(payload)
    else if (opcode === Frame.opcode.close) this.#goodbye(payload)
    else this.#data(opcode, payload)
  }

  #data(opcode: number, payload: Buffer): void {
    if (this.#fragments === undefined && this.#final) return this.#deliver(payload, opcode === Frame.opcode.text)
    if (this.#fragments === undefined) this.#message = opcode
    this.#fragments ??= []
    this.#fragments.push(this.#final ? payload : kept(payload))
    this.#gathered += payload.length
    if (this.#fragments.length > maxFragments) {
      return void this.#violated(1008, `a message is in more than ${maxFragments} fragments`)
    }
    if (!this.#final) return
    const message = Buffer.concat(this.#fragments, this.#gathered)
    this.#fragments = undefined
    this.#gathered = 0
    this.#deliver(message, this.#message === Frame.opcode.text)
  }

  #deliver(message: Buffer, text: boolean): void {
    if (text && !isUtf8(message)) this.#violated(1007, "a text message is not valid UTF-8")
    else this.#hears.message(message, text)
  }

  #goodbye(payload: Buffer): void {
    if (payload.length === 0) {
      this.stop()
      return this.#hears.goodbye(1005, "")
    }
    const code = payload.readUInt16BE(0)
    const reason = payload.subarray(2)
    if (!CloseCode.isSendable(code)) return void this.#violated(1002, `close code ${code} must not be sent`)
    if (!isUtf8(reason)) return void this.#violated(1007, "the reason of a close frame is not valid UTF-8")
    this.stop()
    this.#hears.goodbye(code, reason.toString("utf8"))
  }

  #violated(code: number, why: string): 0 {
    this.stop()
    this.#hears.violated(code, why)
    return 0
  }
}

const kept = (bytes: Buffer): Buffer =>
  bytes.length < little && 2 * bytes.length < bytes.buffer.byteLength ? Buffer.from(bytes) : bytes
