/**
 * What one side of the proxy is told when the other side ends. Pure.
 */
import type { CloseInfo } from "../Transport.ts"

/** A close frame to send; 1005 means one without a code. */
export interface Goodbye {
  readonly code: number
  readonly reason: string
}

/** Why the proxy itself ends a session. */
export const shutdown = {
  client: { code: 1012, reason: "proxy is shutting down" },
  upstream: { code: 1001, reason: "proxy is shutting down" },
} as const

/** For the upstream, when the client ended. */
export const toUpstream = (client: CloseInfo): Goodbye => {
  if (client.clean) return client
  return client.code === 1006
    ? { code: 1001, reason: "client gone" }
    : { code: 1001, reason: `client broke the protocol: ${client.reason}` }
}

/** For the client, when the upstream ended. */
export const toClient = (upstream: CloseInfo): Goodbye => {
  if (upstream.clean) return upstream
  return upstream.code === 1006
    ? { code: 1014, reason: "upstream gone" }
    : { code: upstream.code, reason: `upstream broke the protocol: ${upstream.reason}` }
}

/** Whether the code may stand in a close frame (RFC 6455 7.4 and the IANA registry; 1016-2999 are unassigned). */
export const isSendable = (code: number): boolean =>
  (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999)

/** The label of `holdfast_disconnections_total`. */
export const reasonLabel = (info: CloseInfo) => {
  if (info.code === 1006) return "reset"
  if (info.code === 1001 || info.code === 1012) return "goaway"
  if (info.code >= 4000) return "close_4xxx"
  return info.code >= 3000 ? "close_3xxx" : "close_1xxx"
}

const encoder = new TextEncoder()

/** At most 123 UTF-8 bytes, the room in a close frame, cut between code points. */
export const cutReason = (reason: string): string => {
  if (reason.length <= 41) return reason // 41 UTF-16 units are at most 123 bytes
  const { read } = encoder.encodeInto(reason, new Uint8Array(123))
  return reason.slice(0, read)
}
