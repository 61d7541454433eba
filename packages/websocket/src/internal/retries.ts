/**
 * What whoever dials makes of the ways a server says no: which ends are for good, what they are called, and when to ask again. Pure.
 */
import type { LinkError } from "@holdfast/core/Link"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { CloseInfo, Headers, TransportError } from "../Transport.ts"

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

/** Why there is no connection. */
type Failure = { readonly _tag: string; readonly reason?: (TransportError | LinkError)["reason"] | undefined }

/** A server that says when to come again is not asked before; it counts from its answer, and the delays from the dial. */
export const patient = <O, F extends Failure>(
  backoff: Schedule.Schedule<O>,
  took: () => number,
): Schedule.Schedule<O, F> =>
  Schedule.fromStep(
    Effect.map(
      Schedule.toStep(backoff),
      (step) => (now: number, failure: F) =>
        Effect.map(step(now, failure), ([output, delay]): [O, Duration.Duration] => [
          output,
          Duration.max(delay, retryAfter(failure, took())),
        ]),
    ),
  )

const retryAfter = (failure: Failure, took: number): Duration.Duration => {
  const { reason } = failure
  if (reason === undefined || reason._tag !== "Refused") return Duration.zero
  const seconds = secondsIn(reason.headers)
  return seconds === 0 ? Duration.zero : Duration.millis(took + seconds * 1000)
}

/** However long an upstream wants to be left alone: it may be well again, or somebody else. */
const mostSeconds = 60

/** RFC 9110 10.2.3; the form that is a date is not understood, and waits for nothing. */
const secondsIn = ({ "retry-after": value }: Headers): number =>
  typeof value === "string" && /^\d+$/.test(value) ? Math.min(Number(value), mostSeconds) : 0
