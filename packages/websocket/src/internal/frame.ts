/**
 * Writes frames (RFC 6455 5.2). Short ones in one piece with their header, so that there is one buffer less to write.
 */
import { mask } from "./mask.ts"

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** A payload this long is not copied, if it need not be masked. */
const long = 4096

/** A frame in one or two pieces; with a key it is a client's. The payload belongs to the frame from now on. */
export const pieces = (code: number, payload: Uint8Array, key: Uint8Array | undefined): ReadonlyArray<Uint8Array> => {
  const { byteLength: length } = payload
  if (key === undefined && length >= long) return [header(code, length, 0, false, 0), payload]
  const frame = header(code, length, length, key !== undefined, key === undefined ? 0 : 4)
  const at = frame.length - length
  if (key === undefined) frame.set(payload, at)
  else {
    frame.set(key, at - 4)
    mask(payload, key, frame, at, length)
  }
  return [frame]
}

/** A close frame's payload; without a code none. */
export const goodbye = (code: number | undefined, reason: string): Uint8Array => {
  if (code === undefined) return new Uint8Array(0)
  const payload = Buffer.allocUnsafe(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code, 0)
  payload.write(reason, 2)
  return payload
}

// With room for the key and so much of the payload behind it.
const header = (code: number, length: number, room: number, masked: boolean, keyBytes: number): Buffer => {
  const wide = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const bytes = Buffer.allocUnsafe(2 + wide + keyBytes + room)
  bytes[0] = 0x80 | code
  bytes[1] = (masked ? 0x80 : 0) | (wide === 0 ? length : wide === 2 ? 126 : 127)
  if (wide === 2) bytes.writeUInt16BE(length, 2)
  else if (wide === 8) {
    bytes.writeUInt32BE(Math.floor(length / 2 ** 32), 2)
    bytes.writeUInt32BE(length >>> 0, 6)
  }
  return bytes
}
