/**
 * Which headers cross the proxy: end-to-end ones do, those of one hop and our own do not (RFC 9110 7.6.1). Pure.
 */
import type { Headers } from "../Transport.ts"

/** Ours: names the session, secrets of resuming. The upstream sees only the id, and cannot set any of them. */
export const connectionId = "x-connection-id"
export const resumeToken = "x-resume-token"
export const reconnectId = "x-reconnect-id"
const own = [connectionId, resumeToken, reconnectId]

/** Of a client that wants to see the message that opened the gate. */
export const replayId = "x-replay-id"

/** Tells an upstream that the session is not new. */
export const reconnect = "x-reconnect"

const hop = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]
const handshake = [
  "sec-websocket-accept",
  "sec-websocket-extensions",
  "sec-websocket-key",
  "sec-websocket-protocol",
  "sec-websocket-version",
]
const always = new Set([...hop, ...own, ...handshake])
// None of its two messages has a body.
const ofHandshake = new Set(["connection", "upgrade", "content-length", "transfer-encoding", ...handshake])

/** Whether only we say it in a handshake. */
export const isOfHandshake = (name: string): boolean => ofHandshake.has(name.toLowerCase())

// RFC 9110 5.1 and 5.5.
const isToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const isValue = /^[\t\x20-\x7e\x80-\xff]*$/

/** Throws when they would break the message that they stand in. */
export const checkAll = (headers: Headers): void => {
  for (const name in headers) for (const value of [headers[name]!].flat()) check(name, value)
}

/** The same for one. */
export const check = (name: string, value: string): void => {
  if (!isToken.test(name)) throw new TypeError(`${JSON.stringify(name)} cannot be the name of a header`)
  if (!isValue.test(value)) throw new TypeError(`the header ${name} has a character that a header cannot have`)
}

/** An id that somebody chose; one that cannot stand in a header or a list is not taken. */
export const acceptableId = (id: string | undefined): string | undefined =>
  id !== undefined && /^[\x21-\x7e]{1,128}$/.test(id) ? id : undefined

/** What a client is, as far as `x-forwarded-*` tells. */
export interface Client {
  readonly headers: Readonly<Record<string, string>>
  readonly remote: string
  readonly secure: boolean
}

/** For the upstream: the client's headers, without those of its own hop. */
export const toUpstream = (
  client: Client,
  options: { readonly forwarded: boolean; readonly reconnects: boolean },
): Record<string, string> => {
  const kept: Record<string, string> = {}
  const listed = new Set(tokens(client.headers["connection"]))
  for (const [name, value] of Object.entries(client.headers)) {
    if (!always.has(name) && !listed.has(name) && name !== "host") kept[name] = value
  }
  if (options.reconnects) delete kept[reconnect] // it is ours to say
  if (options.forwarded) {
    append(kept, "x-forwarded-for", client.remote)
    append(kept, "x-forwarded-proto", client.secure ? "https" : "http")
    append(kept, "x-forwarded-host", client.headers["host"] ?? "")
  }
  return kept
}

/** For the client: the upstream's headers, without those of its own hop. */
export const toClient = (headers: Headers): Record<string, string | ReadonlyArray<string>> => {
  const kept: Record<string, string | ReadonlyArray<string>> = {}
  const listed = new Set(tokens(headers["connection"]))
  for (const [name, value] of Object.entries(headers)) {
    if (!always.has(name) && !listed.has(name)) kept[name] = value
  }
  return kept
}

/** The elements of a comma-separated header. */
export const list = (value: string | undefined): ReadonlyArray<string> =>
  value === undefined
    ? []
    : value
        .split(",")
        .map((token) => token.trim())
        .filter((token) => token !== "")

/** The same, in lower case. */
export const tokens = (value: string | ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  list(value?.toString()).map((token) => token.toLowerCase())

const append = (headers: Record<string, string>, name: string, value: string) => {
  const before = headers[name]
  if (value !== "") headers[name] = before === undefined ? value : `${before}, ${value}`
}
