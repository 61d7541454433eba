/**
 * What a client is told instead of a 101.
 */
import type { LinkError } from "@holdfast/core/Link"
import type * as Effect from "effect/Effect"
import type { Incoming } from "../Acceptor.ts"
import type { Rejected } from "../Proxy.ts"
import type { TransportError } from "../Transport.ts"
import * as HeaderRules from "./headers.ts"
import type { busy, Failure } from "./reach.ts"

/** An answer of our own. */
export interface Own {
  readonly _tag: "Answer"
  readonly status: number
  readonly why: string
}

const answer = (status: number, why: string): Own => ({ _tag: "Answer", status, why })

/** Wrong, unknown and expired are not told apart. */
export const notFound = answer(404, "no such session")
export const tooOften = answer(429, "too many failed attempts; try again later")
export const inUse = answer(409, "this connection id is in use")
/** It is how its session is found again. */
export const badId = answer(400, "x-connection-id must be 1 to 128 printable characters without a space")
export const otherPath = answer(404, "there is nothing at this path")
export const outOfMemory = answer(503, "out of memory; try again later")
/** A client that resumes must go on in the same subprotocol. */
export const offer = (protocol: string) => answer(400, `this session speaks the subprotocol ${protocol}; offer it`)

/** Why a client is not let in. */
export type Refusal = Rejected | Failure | LinkError | Own

/** Answers it. */
export const refuse = (client: Incoming, refusal: Refusal | typeof busy): Effect.Effect<void> => {
  switch (refusal._tag) {
    case "Rejected":
    case "Answer":
      return client.reject(refusal.status, refusal.why, isLater(refusal.status) ? later : {})
    case "Busy":
      return client.reject(503, "too many sessions; try again later", later)
    case "LinkError":
      return client.reject(503, "shutting down", later)
    case "OtherProtocol":
      return client.reject(502, "the upstream chose another subprotocol")
    case "TransportError":
      return unreached(client, refusal.reason)
  }
}

const later = { "retry-after": "1" }

const isLater = (status: number): boolean => status === 429 || status === 503

const unreached = (client: Incoming, reason: TransportError["reason"]): Effect.Effect<void> => {
  if (reason._tag === "Refused") return client.reject(reason.status, reason.body, HeaderRules.toClient(reason.headers))
  return reason._tag === "Unreachable" && reason.kind === "timeout"
    ? client.reject(504, "the upstream did not answer in time")
    : client.reject(502, "the upstream cannot be reached")
}
