/**
 * The client: Effects around a connection that comes back, with an inbox that is read ahead as far as the buffer goes.
 */
import * as Bytes from "@holdfast/core/Bytes"
import * as Events from "@holdfast/core/Events"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Client from "../Client.ts"
import type * as ClientSchema from "../ClientSchema.ts"
import type { CloseInfo, Frame } from "../Transport.ts"
import * as Errors from "./clientError.ts"
import type { Marks } from "./flow.ts"
import type { Range } from "./outlet.ts"
import * as Payload from "./payload.ts"
import * as Reconnecting from "./reconnecting.ts"
import * as Upstream from "./upstream.ts"

type Messages = readonly [Client.Message, ...Array<Client.Message>]

/** Starts; ends with the scope. */
export const make = Effect.fnUntraced(function* (
  options: Client.Options,
): Effect.fn.Return<Client.Shape, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const { buffer = {}, onSession, target, uncertain = "drop", url, ...rest } = options
  const { backoff, giveUpAfter, heartbeat, heartbeatTimeout, stableAfter, ...dial } = rest
  const marks: Marks = { messages: buffer.messages ?? 1024, bytes: Bytes.toNumber(buffer.bytes ?? "1MiB") }
  const name = target ?? (typeof url === "string" ? Upstream.nameOf(url) : "client")
  const waiting = new Set<() => void>()
  let inbox: Array<Client.Message> = []
  let inboxBytes = 0
  let end: CloseInfo | undefined
  const wake = () => {
    const woken = [...waiting]
    waiting.clear()
    for (const one of woken) one()
  }
  const changed = Effect.callback<void>((resume) => {
    const one = () => resume(Effect.void)
    waiting.add(one)
    return Effect.sync(() => waiting.delete(one))
  })
  const emit = (range: Range) => {
    const outcome = ({ drop: "dropped", replay: "replayed", fail: "failed" } as const)[uncertain]
    const at = Context.get(context, Clock.Clock).currentTimeMillisUnsafe()
    const event: typeof ClientSchema.Uncertain.Type = {
      _tag: "Uncertain",
      at,
      program: "client",
      target: name,
      first: range[0],
      last: range[1],
      outcome,
    }
    Context.get(context, Events.Events).emit(event)
  }

  const self = yield* Reconnecting.make({
    target: name,
    url: typeof url === "string" ? Effect.succeed(url) : url,
    dial,
    backoff,
    stableAfter: millis(stableAfter ?? "5 seconds"),
    giveUpAfter: giveUpAfter === undefined ? undefined : millis(giveUpAfter),
    marks,
    uncertain,
    beat: { interval: millis(heartbeat ?? "15 seconds"), timeout: millis(heartbeatTimeout ?? "10 seconds") },
    greet: onSession === undefined ? undefined : (send) => onSession((message) => send(frameOf(message))),
    listener: {
      connected: () => {},
      message: (frame) => {
        inbox.push(frame.text ? Payload.read(frame) : frame.bytes())
        inboxBytes += frame.size
        if (inbox.length >= marks.messages || inboxBytes >= marks.bytes) self.pause(true)
        wake()
      },
      away: (_, range) => {
        if (range !== undefined) emit(range)
      },
      pressure: (full) => {
        if (!full) wake()
      },
      over: (info) => {
        end = info
        wake()
      },
    },
  })

  const dismissed = ({ code, reason }: CloseInfo) =>
    Effect.fail(new Errors.ClientError({ reason: new Errors.Dismissed({ code, reason }) }))

  const send = (message: Client.Message): Effect.Effect<void, Client.ClientError> =>
    Effect.suspend(() => {
      if (end !== undefined) return dismissed(end)
      switch (buffer.overflow ?? "Backpressure") {
        case "Backpressure":
          if (self.isPressed) return Effect.andThen(changed, send(message))
          break
        case "Fail":
          if (self.isFull) {
            return Effect.fail(new Errors.ClientError({ reason: new Errors.Full({ messages: self.waiting }) }))
          }
          break
        case "DropNewest":
          if (self.isFull) return Effect.sync(() => self.drop())
          break
        case "DropOldest":
          if (self.isFull) self.dropOldest()
      }
      self.send(frameOf(message))
      return Effect.void
    })

  const receive: Effect.Effect<Messages, Client.ClientError> = Effect.suspend(() => {
    const [first, ...others] = inbox
    if (first === undefined) return end === undefined ? Effect.andThen(changed, receive) : dismissed(end)
    inbox = []
    inboxBytes = 0
    self.pause(false)
    return Effect.succeed([first, ...others] satisfies Messages)
  })

  return { state: self.link.state, subscribe: self.link.subscribe, send, receive, reconnect: self.reconnect }
})

const millis = (input: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(input))

const frameOf = (message: Client.Message): Frame =>
  typeof message === "string" ? Payload.text(message) : Payload.binary(message)
