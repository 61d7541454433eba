/**
 * What a client makes of the ways a server says no: which ends are for good, and what they are called. Pure.
 */
import type { LinkError } from "@holdfast/core/Link"
import type { CloseInfo, TransportError } from "../Transport.ts"

/**
 * Whether the server has said not to come back: done, or the client's own fault (RFC 6455 7.4.1), or a code from 4400 that stands for
 * an HTTP status nobody would try again, or one of IANA's that does. Not when the session is unknown (4404), too late (4408) or too
 * often (4429).
 */
export const isDismissal = ({ clean, code }: CloseInfo): boolean =>
  clean && (final.has(code) || (code >= 4400 && code <= 4499 && !again.has(code)))

const final: ReadonlySet<number> = new Set([1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003])
const again: ReadonlySet<number> = new Set([4404, 4408, 4429])

/** Whether the same dial may be answered otherwise (RFC 9110 15). */
export const isWorthAnother = ({ reason }: TransportError): boolean =>
  reason._tag !== "Refused" || reason.status >= 500 || [408, 425, 429].includes(reason.status)

/** The proxy knows the session no more. */
export const isForgotten = ({ reason }: TransportError): boolean => reason._tag === "Refused" && reason.status === 404

/** How it ended when dialling has come to nothing: the status as a close code from 4000, as graphql-ws does it, or 1006. */
export const endOf = (error: TransportError | LinkError): CloseInfo =>
  error._tag === "TransportError" && error.reason._tag === "Refused" && !isWorthAnother(error)
    ? { code: 4000 + error.reason.status, reason: error.message, clean: false }
    : { code: 1006, reason: error.message, clean: false }
