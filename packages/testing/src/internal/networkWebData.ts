/**
 * What programs hand to a WebSocket, and what they get from it.
 */
import type { Message } from "./networkFrame.ts"

/** What may be sent. */
export type Data = string | Uint8Array | ArrayBuffer

/** As what messages arrive that are no text. */
export type BinaryType = "nodebuffer" | "arraybuffer" | "fragments"

const text = new TextEncoder()

/** The bytes of it. */
export const bytesOf = (data: Data): Uint8Array =>
  typeof data === "string" ? text.encode(data) : data instanceof Uint8Array ? data : new Uint8Array(data)

/** The same bytes, as listeners of `ws` get them. */
export const bufferOf = (data: Uint8Array): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength)

/** Whether a program may close with this code: RFC 6455 7.4, as `ws` checks it. */
export const maySend = (code: number): boolean =>
  (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999)

/** A message as listeners get it. */
export const payloadOf = ({ data, text }: Message, type: BinaryType): unknown => {
  if (text || type === "nodebuffer") return bufferOf(data)
  return type === "arraybuffer" ? Uint8Array.from(data).buffer : [bufferOf(data)]
}
