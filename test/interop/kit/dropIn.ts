/**
 * The drop-in class as a test sees it: its events, in order, and what it was like when each was told.
 */
import { WebSocket } from "@holdfast/websocket/WebSocket"
import { Effect, Queue } from "effect"

type Arguments = ConstructorParameters<typeof WebSocket>

const types = ["open", "message", "error", "close", "away", "back"] as const

/** Opens one and records what it tells; it is closed with the test's scope. */
export const dropIn = Effect.fnUntraced(function* (...of: Arguments) {
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => new WebSocket(...of)),
    (it) => Effect.sync(() => it.close()),
  )
  return watch(socket)
})

/** Records what it tells from now on. */
export const watch = (socket: WebSocket) => {
  const told: Array<string> = []
  const events = Effect.runSync(Queue.unbounded<Event>())
  for (const type of types) {
    socket.addEventListener(type, (event: Event) => {
      told.push(inWords(event))
      Queue.offerUnsafe(events, event)
    })
  }
  const next = <E extends Event = Event>(type: (typeof types)[number]): Effect.Effect<E> =>
    Effect.flatMap(Queue.take(events), (event) => (event.type === type ? Effect.succeed(event as E) : next<E>(type)))
  return {
    socket,
    /** All events so far, in few words. */
    told: () => [...told],
    /** The next of this type; others before it are passed over. */
    next,
    /** The content of the next message. */
    message: Effect.map(next<MessageEvent<unknown>>("message"), ({ data }) => data),
    /** How it ended. */
    closed: Effect.map(next<CloseEvent>("close"), ({ code, reason, wasClean }) => ({ code, reason, wasClean })),
  }
}

const inWords = (event: Event): string => {
  if ("data" in event) return `message ${String(event.data)}`
  if ("wasClean" in event && "code" in event) return `close ${String(event.code)}`
  return "code" in event && "uncertain" in event ? `away ${String(event.code)}` : event.type
}
