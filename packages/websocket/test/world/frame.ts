/**
 * What crosses a virtual connection, and how many bytes of it (RFC 6455 5.2). Payloads are never copied.
 */
import type { Headers } from "../../src/Transport.ts"

/** One message as a library hands it out. */
export interface Message {
  readonly text: boolean
  readonly data: Uint8Array
}

/** A client's half of the handshake. */
export interface Request {
  readonly _tag: "Request"
  /** As sent; for an upstream the whole URL is what was dialled. */
  readonly url: string
  /** Names in lower case. */
  readonly headers: Headers
  readonly protocols: ReadonlyArray<string>
}

/** A server's half. */
export interface Response {
  readonly _tag: "Response"
  readonly status: number
  readonly headers: Headers
  /** The chosen subprotocol of a 101, or `""`. */
  readonly protocol: string
  readonly body: Uint8Array
}

/** One thing that is understood as a whole. `Fin` is TCP's end of the stream; `Garbage` breaks the protocol. */
export type Frame =
  | Request
  | Response
  | { readonly _tag: "Message"; readonly message: Message }
  | { readonly _tag: "Ping" | "Pong"; readonly data: Uint8Array }
  | { readonly _tag: "Close"; readonly code: number; readonly reason: string }
  | { readonly _tag: "Garbage" }
  | { readonly _tag: "Fin" }

/** Bytes on the wire; a client's frames carry a mask. Handshakes and `Fin` get a size so that they travel in order with the rest. */
export const sizeOf = (frame: Frame, masked: boolean): number => {
  switch (frame._tag) {
    case "Request":
    case "Response":
      return 256
    case "Fin":
      return 1
    case "Message":
      return framed(frame.message.data.byteLength, masked)
    case "Ping":
    case "Pong":
      return framed(frame.data.byteLength, masked)
    case "Close":
      return framed(frame.code === 1005 ? 0 : 2 + Buffer.byteLength(frame.reason), masked)
    case "Garbage":
      return framed(0, masked)
  }
}

const framed = (payload: number, masked: boolean): number =>
  2 + (payload < 126 ? 0 : payload < 65_536 ? 2 : 8) + (masked ? 4 : 0) + payload
