/**
 * What the proxy tells about itself beside what its links tell: why sessions end, how it drains, what went through.
 */
import * as Events from "@holdfast/core/Events"
import type * as EventSchema from "@holdfast/core/EventSchema"
import type { Measure } from "@holdfast/core/Telemetry"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type { TransportError } from "../Transport.ts"
import * as CloseCode from "./closeCode.ts"
import type { Traffic } from "./direction.ts"
import type { Ends } from "./passThrough.ts"

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

/** Why the upstream's connection is gone, for its link: in words, and as a label. */
export const loss = ({ client, first, upstream }: Ends): readonly [why: string, typeof EventSchema.Reason.Type] =>
  first === "upstream"
    ? [told(upstream), CloseCode.reasonLabel(upstream)]
    : [`${first} ended: ${told(client)}`, "local"]

const told = ({ code, reason }: Ends["client"]): string => (reason === "" ? `${code}` : `${code} ${reason}`)

/** Why a dial failed, as a label. */
export const result = ({ reason }: TransportError): typeof EventSchema.Result.Type => {
  if (reason._tag === "Refused") return reason.status === 401 || reason.status === 403 ? "auth" : "refused"
  if (reason._tag === "Gone") return "reset"
  return reason.kind === "protocol" ? "other" : reason.kind
}

/** Read at the scrape. */
export const measures = (target: string, up: Traffic, down: Traffic): ReadonlyArray<Measure> => [
  ...traffic({ target, direction: "up" }, up),
  ...traffic({ target, direction: "down" }, down),
]

const traffic = (at: Record<string, string>, of: Traffic): ReadonlyArray<Measure> => [
  messages({ ...at, outcome: "sent" }, () => of.messages - of.lostMessages - of.heldMessages),
  messages({ ...at, outcome: "lost" }, () => of.lostMessages),
  {
    name: "holdfast_bytes_total",
    description: "Payload bytes that were received",
    type: "counter",
    attributes: at,
    value: () => of.bytes,
  },
  {
    name: "holdfast_buffer_messages",
    description: "Messages that wait because the other side is slow",
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

const messages = (attributes: Record<string, string>, value: () => number): Measure => ({
  name: "holdfast_messages_total",
  description: "Messages that were passed on, or lost because the other side was gone",
  type: "counter",
  attributes,
  value,
})
