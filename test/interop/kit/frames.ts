/**
 * WebSocket frames as bytes (RFC 6455 5.2), the wrong ones too.
 */

/** One frame on the wire. */
export interface WireFrame {
  readonly opcode: number
  readonly fin: boolean
  readonly payload: Buffer
}

/** What may be wrong with it. */
export interface Bytes {
  readonly opcode?: number
  readonly fin?: boolean
  readonly masked?: boolean
  /** The three reserved bits, as `0x40`, `0x20`, `0x10`. */
  readonly reserved?: number
}

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** A frame of a client unless `masked` is `false`. */
export const frame = (payload: string | Uint8Array, options: Bytes = {}): Buffer => {
  const body = Buffer.from(payload)
  const { fin = true, masked = true, opcode = 1, reserved = 0 } = options
  const [short, extended] = lengthOf(body.length)
  const head = Buffer.from([(fin ? 0x80 : 0) | reserved | opcode, (masked ? 0x80 : 0) | short])
  if (!masked) return Buffer.concat([head, extended, body])
  const mask = Buffer.from([1, 2, 3, 4])
  return Buffer.concat([head, extended, mask, body.map((byte, at) => byte ^ mask[at % 4]!)])
}

/** A frame of a server. */
export const serverFrame = (payload: string | Uint8Array, options: Bytes = {}): Buffer =>
  frame(payload, { masked: false, ...options })

/** The payload of a close frame. */
export const closing = (code: number, reason = ""): Buffer => {
  const body = Buffer.alloc(2)
  body.writeUInt16BE(code)
  return Buffer.concat([body, Buffer.from(reason)])
}

/** The first frame of the bytes, once it is there. */
export const parseFrame = (bytes: Buffer): readonly [WireFrame, used: number] | undefined => {
  if (bytes.length < 2) return undefined
  const short = bytes[1]! & 0x7f
  const extended = short === 127 ? 8 : short === 126 ? 2 : 0
  if (bytes.length < 2 + extended) return undefined
  const length = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short
  const masked = (bytes[1]! & 0x80) !== 0
  const from = 2 + extended + (masked ? 4 : 0)
  if (bytes.length < from + length) return undefined
  const mask = bytes.subarray(from - 4, from)
  const payload = bytes.subarray(from, from + length).map((byte, at) => (masked ? byte ^ mask[at % 4]! : byte))
  return [{ opcode: bytes[0]! & 0x0f, fin: (bytes[0]! & 0x80) !== 0, payload: Buffer.from(payload) }, from + length]
}

const lengthOf = (length: number): readonly [short: number, extended: Buffer] => {
  if (length < 126) return [length, Buffer.alloc(0)]
  const extended = Buffer.alloc(length < 65_536 ? 2 : 8)
  if (length < 65_536) extended.writeUInt16BE(length)
  else extended.writeBigUInt64BE(BigInt(length))
  return [length < 65_536 ? 126 : 127, extended]
}
