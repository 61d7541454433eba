/**
 * Frames that are kept, and frames of our own.
 */
import type { Frame } from "../Transport.ts"

class Payload implements Frame {
  readonly text: boolean
  readonly #bytes: Uint8Array
  constructor(text: boolean, bytes: Uint8Array) {
    this.text = text
    this.#bytes = bytes
  }
  get size(): number {
    return this.#bytes.byteLength
  }
  bytes(): Uint8Array {
    return this.#bytes
  }
}

/** The same frame, without the memory around it: a small message is a view of the whole read it came in. */
export const detached = (frame: Frame): Frame => {
  const bytes = frame.bytes()
  return bytes.buffer.byteLength <= 2 * bytes.byteLength ? frame : new Payload(frame.text, new Uint8Array(bytes))
}

/** A text message. */
export const text = (content: string): Frame => new Payload(true, new TextEncoder().encode(content))

/** A binary message. */
export const binary = (content: Uint8Array): Frame => new Payload(false, content)

/** The content of a text message; a byte order mark in front of it is part of it. */
export const read = (frame: Frame): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(frame.bytes())
