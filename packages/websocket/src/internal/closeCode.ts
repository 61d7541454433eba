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

/** No heartbeat was answered. */
export const silent: CloseInfo = { code: 1006, reason: "no answer to a ping", clean: false }

/** Nobody came back in time, or nobody said why. */
export const vanished: CloseInfo = { code: 1006, reason: "", clean: false }

/** For an older connection of a session. */
export const takenOver = { code: 4409, reason: "session taken over" } as const

/** It ended while the client was let in again. */
export const sessionOver = { code: 4404, reason: "session over" } as const

/** Who holds the other up, and who is held up. */
export const stalled = {
  slow: { code: 4413, reason: "too slow" },
  other: { code: 1013, reason: "the other side is too slow" },
} as const

/** For both sides of the session that takes most. */
export const noMemory = { code: 1013, reason: "proxy is out of memory" } as const

/** The first message did not come. */
export const noGate = {
  client: { code: 1014, reason: "no first message from the upstream in time" },
  upstream: { code: 1001, reason: "no first message in time" },
} as const

/** The upstream did not come back in time. */
export const gaveUp = { code: 1014, reason: "upstream gone" } as const

/** A re-dial was answered with a status that will not change. */
export const refused = (status: number): Goodbye => ({ code: 1008, reason: `upstream refused: ${status}` })

/** A re-dial was answered with another subprotocol. */
export const otherProtocol = { code: 1011, reason: "upstream chose another subprotocol" } as const

/** The session fails rather than lose these in silence. */
export const unconfirmed = (range: readonly [first: number, last: number] = [1, 0]): Goodbye => ({
  code: 1011,
  reason: `${range[1] - range[0] + 1} unconfirmed`,
})

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

/** How it ended, in words. */
export const told = ({ code, reason }: Goodbye): string => (reason === "" ? `${code}` : `${code} ${reason}`)

/** The label of `holdfast_disconnections_total`. */
export const reasonLabel = (info: CloseInfo) => {
  if (info.code === 1006) return info.reason === silent.reason ? "keepalive" : "reset"
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
