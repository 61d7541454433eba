/**
 * What the standard's constructor, `send` and `close` make of their arguments (WHATWG WebSockets 3.1). Pure, but for a Blob's content.
 */
import type { CloseInfo, Frame } from "../Transport.ts"
import * as Payload from "./payload.ts"

const no = (name: "InvalidAccessError" | "SyntaxError", message: string) => new DOMException(message, name)

/** The URL as it is dialled; relative to the page if there is one. */
export const urlOf = (input: string | URL): string => {
  const base = globalThis.location?.href
  if (!URL.canParse(`${input}`, base)) throw no("SyntaxError", `${JSON.stringify(`${input}`)} is not a URL`)
  const url = new URL(input, base)
  if (url.protocol === "http:") url.protocol = "ws:"
  if (url.protocol === "https:") url.protocol = "wss:"
  if (!/^wss?:$/.test(url.protocol)) throw no("SyntaxError", `expected ws:, wss:, http: or https:, got ${url.protocol}`)
  if (url.href.includes("#")) throw no("SyntaxError", "the URL has a fragment, which no server would see")
  return url.href
}

// RFC 9110 5.6.2
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** The subprotocols to offer. */
export const protocolsOf = (input: string | ReadonlyArray<string> = []): ReadonlyArray<string> => {
  // As WebIDL reads what is no list.
  const isList = typeof input === "object" && input !== null && Symbol.iterator in input
  const protocols = isList ? Array.from(input, String) : [`${input as string}`]
  const wrong = protocols.find((name) => !token.test(name))
  if (wrong !== undefined) throw no("SyntaxError", `${JSON.stringify(wrong)} cannot be the name of a subprotocol`)
  if (new Set(protocols.map((name) => name.toLowerCase())).size < protocols.length) {
    throw no("SyntaxError", `the subprotocols ${protocols.join(", ")} are not distinct`)
  }
  return protocols
}

/** What to say at the end; without a code 1005, which stands for none. */
export const goodbyeOf = (code: number | undefined, reason: string | undefined): Omit<CloseInfo, "clean"> => {
  // As WebIDL clamps to an unsigned short.
  const clamped = code === undefined ? undefined : Math.min(Math.max(Math.round(Number(code)) || 0, 0), 65_535)
  if (clamped !== undefined && clamped !== 1000 && !(clamped >= 3000 && clamped <= 4999)) {
    throw no("InvalidAccessError", `${code} is not a close code that may be sent: 1000, or 3000 to 4999`)
  }
  const words = reason === undefined ? "" : `${reason}`
  const { size } = Payload.text(words)
  if (size > 123) throw no("SyntaxError", `the reason has ${size} bytes, at most 123`)
  // A reason cannot stand without a code.
  return { code: clamped ?? (words === "" ? 1005 : 1000), reason: words }
}

/** What may be sent. */
export type Data = string | Blob | ArrayBufferLike | ArrayBufferView

/** A message as it is now, whatever becomes of its memory; a Blob has to be read first. */
export const frameOf = (data: Data): Frame | Blob => {
  if (data instanceof Blob) return data
  if (ArrayBuffer.isView(data)) {
    return Payload.binary(new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice())
  }
  return data instanceof ArrayBuffer ? Payload.binary(new Uint8Array(data.slice(0))) : Payload.text(`${data}`)
}
