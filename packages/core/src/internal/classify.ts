/**
 * Few words for metrics from the errors and reasons that occur. Guesses, for labels only; nothing is decided on a guess but a hurry.
 */
import * as Cause from "effect/Cause"
import type * as EventSchema from "../EventSchema.ts"

type Result = typeof EventSchema.Result.Type
type Reason = typeof EventSchema.Reason.Type

const codes: Readonly<Record<string, Result>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "reset",
  EPIPE: "reset",
  ETIMEDOUT: "timeout",
  ENOTFOUND: "dns",
  EAI_AGAIN: "dns",
}
const results: ReadonlySet<string> = new Set<Result>(["refused", "timeout", "reset", "tls", "auth", "dns", "other"])

/** Looks at `kind` and `code` of the error and of what it wraps. */
export const classify = (error: unknown): Result => {
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 4; depth++) {
    const { cause, code, kind, reason } = at as Readonly<Record<string, unknown>> // any object may be asked for any field
    if (typeof kind === "string" && results.has(kind)) return kind as Result // just looked up
    if (typeof code === "string" && codes[code] !== undefined) return codes[code]
    at = reason ?? cause
  }
  return "other"
}

/** A label for the word a connection's end came with. */
export const reasonOf = (why: string): Reason => {
  const code = Number(/^\d{4}/.exec(why)?.[0])
  if (code === 1006) return "reset"
  if (code === 1001 || code === 1012 || /goaway|going away/i.test(why)) return "goaway"
  if (code >= 4000) return "close_4xxx"
  if (code >= 3000) return "close_3xxx"
  if (code >= 1000) return "close_1xxx"
  if (/heartbeat|keepalive/i.test(why)) return "keepalive"
  return /time.?out|timed out/i.test(why) ? "timeout" : "reset"
}

/** One line for people. */
export const describe = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message || error.name : String(error)
}
