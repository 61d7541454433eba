/**
 * Loss receipts: what every outage of a hop leaves, as an event, a line of the log and an entry of the session.
 */
import * as Events from "@holdfast/core/Events"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Receipt } from "../Proxy.ts"
import type { Range } from "./outlet.ts"
import * as Reports from "./reports.ts"
import { TokenBucket } from "./tokenBucket.ts"

/** What an outage comes to. */
export type Account = Omit<typeof Receipt.Type, "_tag" | "at" | "program" | "target">

/** How many a session keeps. */
export const kept = 16

/** Lines of the log: more than this are summed up by the metrics. */
const lines = { perSecond: 100, burst: 1000 } as const

/** Writes receipts for one upstream; the answer is the receipt. */
export const make = (context: Context.Context<never>, target: string) => {
  const clock = Context.get(context, Clock.Clock)
  const events = Context.get(context, Events.Events)
  const log = Effect.runForkWith(context)
  const pace = new TokenBucket(lines.perSecond, lines.burst)
  return (account: Account): typeof Receipt.Type => {
    const at = clock.currentTimeMillisUnsafe()
    const receipt = { _tag: "Receipt", at, program: Reports.program, target, ...account } as const
    events.emit(receipt)
    if (pace.take(at)) {
      const line = describe(account)
      log(isBad(account) ? Effect.logWarning(line) : Effect.logInfo(line))
    }
    return receipt
  }
}

// A client that is back after some seconds is everyday life on bad networks, and most of what was uncertain did arrive.
const isBad = ({ back, hop, lost, outcome, uncertain: count }: Account): boolean =>
  lost > 0 || (count > 0 && (hop === "upstream" || !back || outcome === "failed"))

/** In words: `session 7f3a upstream away 2.31s: 14 held and delivered, 3 uncertain (seq 1021-1023) dropped, 4 dials`. */
export const describe = (account: Account): string => {
  const { awayMillis, back, dials, held, hop, lost, session } = account
  const parts = [
    `${held} held and delivered`,
    ...(lost > 0 ? [`${lost} lost`] : []),
    `${uncertain(account)}`,
    ...(hop === "upstream" ? [`${dials} ${dials === 1 ? "dial" : "dials"}`] : []),
    ...(back ? [] : ["not back"]),
  ]
  return `session ${session} ${hop} away ${(awayMillis / 1000).toFixed(2)}s: ${parts.join(", ")}`
}

const uncertain = ({ outcome, range, uncertain: count }: Account): string =>
  range === null ? "0 uncertain" : `${count} uncertain (seq ${written(range)}) ${outcome}`

const written = ([first, last]: Range): string => (first === last ? `${first}` : `${first}-${last}`)
