/**
 * What crosses a virtual connection, and how many bytes of it (RFC 6455 5.2 for WebSockets). Payloads are never copied.
 */

/** Header names in lower case. */
export type Headers = Readonly<Record<string, string | ReadonlyArray<string>>>

/** One message as a library hands it out. */
export interface Message {
  readonly text: boolean
  readonly data: Uint8Array
}

/** A WebSocket client's half of the handshake. */
export interface Request {
  readonly _tag: "Request"
  /** Path and query, as sent. */
  readonly url: string
  readonly headers: Headers
  readonly protocols: ReadonlyArray<string>
}

/** A WebSocket server's half. */
export interface Response {
  readonly _tag: "Response"
  readonly status: number
  readonly headers: Headers
  /** The chosen subprotocol of a 101, or `""`. */
  readonly protocol: string
  readonly body: Uint8Array
}

/** One thing that is understood as a whole; only of `Bytes` a part may arrive. `Fin` is TCP's end of the stream; `Garbage` breaks the protocol. */
export type Frame =
  | Request
  | Response
  | { readonly _tag: "Message"; readonly message: Message }
  | { readonly _tag: "Ping" | "Pong"; readonly data: Uint8Array }
  | { readonly _tag: "Close"; readonly code: number; readonly reason: string }
  | { readonly _tag: "Garbage" }
  | { readonly _tag: "Bytes"; readonly data: Uint8Array }
  | { readonly _tag: "Parcel"; readonly size: number; readonly deliver: () => void }
  | { readonly _tag: "Fin" }

/** Whether plans count it as a message. */
export const isMessage = ({ _tag }: Frame): boolean => _tag === "Message" || _tag === "Bytes" || _tag === "Parcel"

/** Bytes on the wire; a WebSocket client's frames carry a mask. Handshakes and `Fin` get a size so that they travel in order with the rest. */
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
    case "Bytes":
      return frame.data.byteLength
    case "Parcel":
      return frame.size
  }
}

/** The frame with some of its bytes changed: which ones, `hit` decides, byte for byte. */
export const corrupted = (frame: Frame, size: number, hit: () => number | undefined): Frame => {
  const payload = frame._tag === "Message" ? frame.message.data : frame._tag === "Bytes" ? frame.data : undefined
  const head = size - (payload?.byteLength ?? 0)
  for (let index = 0; index < head; index++) if (hit() !== undefined) return { _tag: "Garbage" }
  const copy = payload === undefined ? undefined : flipped(payload, hit)
  if (copy === undefined) return frame
  if (frame._tag !== "Message") return { _tag: "Bytes", data: copy }
  // `ws` looks: a text that is not UTF-8 breaks the protocol (RFC 6455 8.1).
  return frame.message.text && !isUtf8(copy)
    ? { _tag: "Garbage" }
    : { _tag: "Message", message: { text: frame.message.text, data: copy } }
}

const flipped = (payload: Uint8Array, hit: () => number | undefined): Uint8Array | undefined => {
  let copy: Uint8Array | undefined
  for (let index = 0; index < payload.byteLength; index++) {
    const flip = hit()
    if (flip === undefined) continue
    copy ??= Uint8Array.from(payload)
    copy[index]! ^= flip
  }
  return copy
}

// What is not UTF-8 comes back as other bytes.
const isUtf8 = (data: Uint8Array): boolean => {
  const again = new TextEncoder().encode(new TextDecoder("utf-8", { ignoreBOM: true }).decode(data))
  return again.length === data.length && again.every((byte, index) => byte === data[index])
}

const framed = (payload: number, masked: boolean): number =>
  2 + (payload < 126 ? 0 : payload < 65_536 ? 2 : 8) + (masked ? 4 : 0) + payload
