/**
 * What the proxy tells about itself beside what its links tell: why sessions end, how it drains, what went through.
 */
import * as Events from "@holdfast/core/Events"
import type * as EventSchema from "@holdfast/core/EventSchema"
import type { Measure } from "@holdfast/core/Telemetry"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type { TransportError } from "../Transport.ts"
import type { Traffic } from "./traffic.ts"

/** Whose links and events these are. */
export const program = "proxy"

/** Speaks for one upstream. */
export const make = (context: Context.Context<never>, target: string) => {
  const clock = Context.get(context, Clock.Clock)
  const emit = (event: Events.Known) => Context.get(context, Events.Events).emit(event)
  const about = () => ({ at: clock.currentTimeMillisUnsafe(), program, target })
  return {
    draining: (open: number) => emit({ _tag: "Draining", ...about(), open }),
    drained: (closed: number, cut: number) => emit({ _tag: "Drained", ...about(), closed, cut }),
  }
}

/** Why a dial failed, as a label. */
export const result = ({ reason }: TransportError): typeof EventSchema.Result.Type => {
  if (reason._tag === "Refused") return reason.status === 401 || reason.status === 403 ? "auth" : "refused"
  if (reason._tag === "Gone") return "reset"
  return reason.kind === "protocol" ? "other" : reason.kind
}

/** What is counted beside the traffic. */
export interface Counts {
  resumed: number
  refused: number
  /** Newcomers who got 503. */
  readonly turnedAway: { sessions: number; memory: number }
  /** In bytes. */
  readonly memory: () => { readonly used: number; readonly limit: number }
  /** Clients that are connected. */
  readonly clients: () => number
}

/** Read at the scrape. */
export const measures = (target: string, up: Traffic, down: Traffic, counts: Counts): ReadonlyArray<Measure> => [
  ...traffic({ target, direction: "up" }, up),
  ...traffic({ target, direction: "down" }, down),
  resumes({ target, result: "resumed" }, () => counts.resumed),
  resumes({ target, result: "refused" }, () => counts.refused),
  turnedAway({ target, reason: "sessions" }, () => counts.turnedAway.sessions),
  turnedAway({ target, reason: "memory" }, () => counts.turnedAway.memory),
  {
    name: "holdfast_memory_bytes",
    description: "Messages held and unfinished, and what is unsent in sockets, as last looked at",
    type: "gauge",
    attributes: { target },
    value: () => counts.memory().used,
  },
  {
    name: "holdfast_memory_limit_bytes",
    description: "From 80 % of this on newcomers are refused; beyond it the session that takes most is closed",
    type: "gauge",
    attributes: { target },
    value: () => counts.memory().limit,
  },
  {
    // Those of upstreams are counted by their links.
    name: "holdfast_open_connections",
    description: "Connections that are open now",
    type: "gauge",
    attributes: { target, hop: "client" },
    value: counts.clients,
  },
]

/** What went one way. */
export const traffic = (at: Readonly<Record<string, string>>, of: Traffic): ReadonlyArray<Measure> => [
  messages({ ...at, outcome: "sent" }, () => of.sent),
  messages({ ...at, outcome: "lost" }, () => of.lost),
  uncertain({ ...at, outcome: "dropped" }, () => of.uncertain.dropped),
  uncertain({ ...at, outcome: "replayed" }, () => of.uncertain.replayed),
  uncertain({ ...at, outcome: "failed" }, () => of.uncertain.failed),
  {
    name: "holdfast_bytes_total",
    description: "Payload bytes that were received",
    type: "counter",
    attributes: at,
    value: () => of.bytes,
  },
  {
    name: "holdfast_buffer_messages",
    description: "Messages that wait because the other side is away or slow, or has not confirmed them",
    type: "gauge",
    attributes: at,
    value: () => of.heldMessages,
  },
  {
    name: "holdfast_buffer_bytes",
    description: "Payload bytes of the messages that wait",
    type: "gauge",
    attributes: at,
    value: () => of.heldBytes,
  },
]

type Series = (attributes: Record<string, string>, value: () => number) => Measure

const messages: Series = (attributes, value) => ({
  name: "holdfast_messages_total",
  description: "Messages that were passed on, or lost because nobody came for them",
  type: "counter",
  attributes,
  value,
})

const uncertain: Series = (attributes, value) => ({
  name: "holdfast_messages_uncertain_total",
  description: "Messages that were sent and not confirmed when their connection was lost",
  type: "counter",
  attributes,
  value,
})

const resumes: Series = (attributes, value) => ({
  name: "holdfast_session_resume_total",
  description: "Clients that came back for their session, and those that found none",
  type: "counter",
  attributes,
  value,
})

const turnedAway: Series = (attributes, value) => ({
  name: "holdfast_sessions_refused_total",
  description: "Newcomers who got 503, because there were too many sessions or too little memory",
  type: "counter",
  attributes,
  value,
})
