/**
 * The hub as server-sent events: what it remembers, then what happens, with a comment now and then so that a reader who
 * left is noticed. A reader keeps its own place, so a slow one costs the hub nothing.
 */
import * as Events from "@holdfast/core/Events"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Formatter from "effect/Formatter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Guard from "./guard.ts"

const replayed = 1024
const quiet = "15 seconds"
const mostReaders = 64

/** Answers with the events of the hub in `context`; each call counts its own readers. */
export const make = (context: Context.Context<never>) => {
  const hub = Context.get(context, Events.Events)
  const greeting =
    Context.getOrUndefined(context, Events.Events) === undefined
      ? "nothing will come: this program has no Events hub; provide Events.layer()"
      : "connected"
  let readers = 0
  const leave = Effect.sync(() => void readers--)
  return Effect.map(HttpServerRequest.HttpServerRequest, ({ headers }) => {
    if (readers >= mostReaders) return tooMany
    const body = Stream.suspend(() => {
      readers++
      return Stream.ensuring(bytes(hub, headers["last-event-id"], greeting), leave)
    })
    // Proxies that collect an answer before they pass it on would hold events back.
    return HttpServerResponse.stream(body, { contentType: "text/event-stream", headers: { "x-accel-buffering": "no" } })
  })
}

const tooMany = Guard.refuse(503, `${mostReaders} readers follow the events already; close one, then ask again`).pipe(
  HttpServerResponse.setHeader("retry-after", "5"),
)

const bytes = (hub: Events.Hub, lastId: string | undefined, greeting: string): Stream.Stream<Uint8Array> =>
  Stream.paginate(start(hub, lastId), (last) =>
    Effect.map(
      Effect.timeoutOption(hub.after(last), quiet),
      Option.match({
        onNone: () => [[comment("keep-alive")], Option.some(last)] as const,
        onSome: (entries) => [entries.map(format), Option.some(entries.at(-1)?.id ?? last)] as const,
      }),
    ),
  ).pipe(Stream.prepend([comment(greeting)]), Stream.encodeText)

// A hub may remember more than is replayed; a place is asked for only inside its memory, else it would report a lag.
const start = (hub: Events.Hub, lastId: string | undefined): number => {
  if (lastId !== undefined && /^\d{1,15}$/.test(lastId)) return Number(lastId)
  const first = hub.history().at(-replayed)
  return first === undefined ? 0 : first.id - 1
}

const comment = (text: string): string => `: ${text}\n\n`

const format = ({ event, id }: Events.Entry): string =>
  `id: ${id}\nevent: ${event._tag}\ndata: ${Formatter.formatJson(event)}\n\n`
