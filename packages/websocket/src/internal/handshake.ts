/**
 * The texts of the opening handshake (RFC 6455 4): what is asked, and what is answered. Pure but for the key.
 */
import { createHash } from "node:crypto"
import type { Headers } from "../Transport.ts"
import * as HeaderRules from "./headers.ts"

const end = "\r\n"
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

/** The answer to a key. */
const acceptOf = (key: string): string => createHash("sha1").update(key).update(guid).digest("base64")

/** A request for an upgrade; throws when a header cannot be sent. Of the given ones those of the handshake are left out: they are ours. */
export const request = (of: {
  readonly host: string
  /** Path and query. */
  readonly target: string
  readonly key: string
  readonly protocols: ReadonlyArray<string>
  readonly headers: Headers
}): string => {
  const { headers, host, key, protocols, target } = of
  const named = Object.keys(headers).some((name) => name.toLowerCase() === "host")
  return (
    `GET ${target} HTTP/1.1${end}` +
    (named ? "" : `Host: ${host}${end}`) +
    `Connection: Upgrade${end}Upgrade: websocket${end}Sec-WebSocket-Version: 13${end}Sec-WebSocket-Key: ${key}${end}` +
    subprotocol(protocols.join(", ")) +
    lines(headers) +
    end
  )
}

/** 101; throws when a header cannot be sent. Of the given ones those of the handshake are left out: they are ours. */
export const switching = (key: string, protocol: string, headers: Headers): string =>
  `HTTP/1.1 101 Switching Protocols${end}Upgrade: websocket${end}Connection: Upgrade${end}` +
  `Sec-WebSocket-Accept: ${acceptOf(key)}${end}` +
  subprotocol(protocol) +
  lines(headers) +
  end

const subprotocol = (value: string): string => (value === "" ? "" : line("Sec-WebSocket-Protocol", value))

const line = (name: string, value: string): string => {
  HeaderRules.check(name, value)
  return `${name}: ${value}${end}`
}

const lines = (headers: Headers): string => {
  let text = ""
  for (const name in headers) {
    if (HeaderRules.isOfHandshake(name)) continue
    const value = headers[name]!
    if (typeof value === "string") text += line(name, value)
    else for (const one of value) text += line(name, one)
  }
  return text
}

/** The head of an answer. */
export interface Head {
  /** Bytes, with the empty line behind it. */
  readonly size: number
  readonly status: number
  /** `undefined`: they are against the rules. */
  readonly headers: Headers | undefined
}

const informational = "HTTP/1.1 1"

/** Whether the bytes are the beginning of an answer that is no final one, or may become that. */
export const isInformational = (bytes: Buffer): boolean => {
  const begin = bytes.toString("latin1", 0, informational.length)
  return informational.startsWith(begin)
}

const field =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*$/

/** The head, once all of it is there. As latin1, which is what headers are on the wire. */
export const head = (bytes: Buffer): Head | undefined => {
  const size = bytes.indexOf("\r\n\r\n")
  if (size < 0) return undefined
  const [first = "", ...rest] = bytes.toString("latin1", 0, size).split(end)
  const status = Number(/^HTTP\/1\.1 (\d{3})(?: |$)/.exec(first)?.[1])
  return { size: size + 4, status, headers: fields(rest) }
}

const fields = (given: ReadonlyArray<string>): Headers | undefined => {
  const headers: Record<string, string | ReadonlyArray<string>> = {}
  for (const line of given) {
    const found = field.exec(line)
    if (found === null) return undefined
    const name = found[1]!.toLowerCase()
    const value = found[2]!
    const before = headers[name]
    if (name === "set-cookie") headers[name] = [...((before as ReadonlyArray<string> | undefined) ?? []), value]
    else headers[name] = typeof before === "string" ? `${before}, ${value}` : value // not `constructor` of all objects
  }
  return headers
}

/** What is wrong with a 101; `undefined`: nothing. */
export const refusal = (headers: Headers, key: string, protocols: ReadonlyArray<string>): string | undefined => {
  const { connection, "sec-websocket-accept": accept, "sec-websocket-extensions": extensions, upgrade } = headers
  const { "sec-websocket-protocol": protocol } = headers
  if (typeof upgrade !== "string" || upgrade.toLowerCase() !== "websocket") return "its 101 upgrades to something else"
  if (!HeaderRules.tokens(connection).includes("upgrade")) return "its 101 has no `Connection: Upgrade`"
  if (accept !== acceptOf(key)) return "its Sec-WebSocket-Accept does not fit our key"
  if (extensions !== undefined) return "it chose an extension, and none was offered"
  return protocol === undefined || protocols.includes(protocol as string)
    ? undefined
    : `it chose the subprotocol ${JSON.stringify(protocol)}, which was not offered`
}
