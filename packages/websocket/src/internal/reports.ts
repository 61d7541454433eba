/**
 * What the proxy tells about itself: events of dials and losses, one link row, its metrics.
 */
import type * as EventSchema from "@holdfast/core/EventSchema"
import * as Events from "@holdfast/core/Events"
import type { Measure, Row } from "@holdfast/core/Telemetry"
import type * as TelemetrySchema from "@holdfast/core/TelemetrySchema"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { TransportError } from "../Transport.ts"
import * as CloseCode from "./closeCode.ts"
import type { Traffic } from "./direction.ts"
import type { Ends } from "./passThrough.ts"

const program = "proxy"

/** Reports about one upstream. */
export const make = (context: Context.Context<never>, target: string, open: () => number) => {
  const events = Context.get(context, Events.Events)
  const clock = Context.get(context, Clock.Clock)
  const now = () => clock.currentTimeMillisUnsafe()
  const about = () => ({ at: now(), program, target })
  const emit = (event: Events.Known) => events.emit(event)
  let attempts = 0
  let busy = 0
  let lastError: string | null = null

  const ended = (attempt: number, started: number, why: { readonly result: Result; readonly text: string } | null) => {
    busy--
    if (why !== leftEarly) lastError = why === null ? null : why.text
    const tookMillis = now() - started
    if (why === null) emit({ _tag: "Connected", ...about(), attempt, tookMillis, downMillis: null })
    else
      emit({ _tag: "Failed", ...about(), attempt, tookMillis, result: why.result, why: why.text, retryInMillis: null })
  }

  const state = () => stateOf(open(), busy, lastError)

  return {
    now,
    dialling: <A, R>(dial: Effect.Effect<A, TransportError, R>): Effect.Effect<A, TransportError, R> =>
      Effect.suspend(() => {
        const attempt = ++attempts
        const started = now()
        busy++
        emit({ _tag: "Connecting", ...about(), attempt })
        return Effect.onExit(dial, (exit) => Effect.sync(() => ended(attempt, started, failure(exit))))
      }),
    lost: ({ client, first, upstream }: Ends, since: number) => {
      const reason = first === "upstream" ? CloseCode.reasonLabel(upstream) : "local"
      const why = first === "upstream" ? told(upstream) : `${first} ended: ${told(client)}`
      emit({ _tag: "Lost", ...about(), reason, why, upMillis: now() - since })
    },
    draining: (open: number) => emit({ _tag: "Draining", ...about(), open }),
    drained: (closed: number, cut: number) => emit({ _tag: "Drained", ...about(), closed, cut }),
    state,
    link: (): Row => ({ _tag: "Link", program, target, state: state(), refs: open(), attempts, lastError }),
  }
}

const told = ({ code, reason }: Ends["client"]): string => (reason === "" ? `${code}` : `${code} ${reason}`)

type Result = typeof EventSchema.Result.Type

/** Says nothing about the upstream. */
const leftEarly = { result: "other", text: "the client left before the answer" } as const

const failure = (exit: Exit.Exit<unknown, TransportError>) => {
  if (Exit.isSuccess(exit)) return null
  const error = Exit.findErrorOption(exit)
  if (Option.isNone(error)) return leftEarly
  const { reason } = error.value
  return { result: result(reason), text: reason.message }
}

const result = (reason: TransportError["reason"]): Result => {
  if (reason._tag === "Refused") return reason.status === 401 || reason.status === 403 ? "auth" : "refused"
  if (reason._tag === "Gone") return "reset"
  return reason.kind === "protocol" ? "other" : reason.kind
}

type State = typeof TelemetrySchema.Connectivity.Type
const states: ReadonlyArray<State> = ["Idle", "Connecting", "Ready", "TransientFailure", "Shutdown"]
const snakeCase = (name: State) => (name === "TransientFailure" ? "transient_failure" : name.toLowerCase())

const stateOf = (open: number, busy: number, lastError: string | null): State => {
  if (open > 0) return "Ready"
  if (busy > 0) return "Connecting"
  return lastError === null ? "Idle" : "TransientFailure"
}

/** Read at the scrape; names and labels are those of the metrics catalogue. */
export const measures = (of: {
  readonly name: string
  readonly up: Traffic
  readonly down: Traffic
  readonly sessions: () => number
  readonly state: () => State
}): ReadonlyArray<Measure> => [
  gauge("holdfast_open_connections", { target: of.name }, of.sessions),
  ...states.map((name) =>
    gauge("holdfast_connection_state", { target: of.name, state: snakeCase(name) }, () =>
      of.state() === name ? 1 : 0,
    ),
  ),
  ...traffic({ target: of.name, direction: "up" }, of.up),
  ...traffic({ target: of.name, direction: "down" }, of.down),
]

const traffic = (at: Record<string, string>, of: Traffic): ReadonlyArray<Measure> => [
  counter("holdfast_messages_total", { ...at, outcome: "sent" }, () => of.messages - of.lostMessages - of.heldMessages),
  counter("holdfast_messages_total", { ...at, outcome: "lost" }, () => of.lostMessages),
  counter("holdfast_bytes_total", at, () => of.bytes),
  gauge("holdfast_buffer_messages", at, () => of.heldMessages),
  gauge("holdfast_buffer_bytes", at, () => of.heldBytes),
]

const gauge = (name: string, attributes: Record<string, string>, value: () => number): Measure => ({
  type: "gauge",
  name,
  attributes,
  value,
})
const counter = (name: string, attributes: Record<string, string>, value: () => number): Measure => ({
  type: "counter",
  name,
  attributes,
  value,
})
