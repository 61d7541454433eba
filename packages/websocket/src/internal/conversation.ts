/**
 * A connection that comes back, as Effects: with an inbox, an outbox and its policy, and events about what may be lost. What `Client`
 * and `ClientSocket` are made of.
 */
import * as Events from "@holdfast/core/Events"
import * as Telemetry from "@holdfast/core/Telemetry"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Client from "../Client.ts"
import type * as ClientSchema from "../ClientSchema.ts"
import type { CloseInfo, Frame } from "../Transport.ts"
import * as Checks from "./checks.ts"
import * as Errors from "./clientError.ts"
import * as HeaderRules from "./headers.ts"
import { Inbox } from "./inbox.ts"
import type { Range } from "./outlet.ts"
import * as Payload from "./payload.ts"
import * as Reconnecting from "./reconnecting.ts"
import * as Reports from "./reports.ts"
import * as Upstream from "./upstream.ts"
import { Waiting } from "./waiting.ts"

/** How the two differ. */
export interface Hooks {
  /** What waits to be sent belongs to its session, as does what may have been lost. */
  readonly perSession: boolean
  readonly connected: (resumed: boolean) => void
  readonly away: (end: CloseInfo, mayResume: boolean) => void
  readonly over: (end: CloseInfo) => void
}

export interface Conversation {
  readonly self: Reconnecting.Reconnecting
  readonly inbox: Inbox
  readonly send: (message: Client.Message) => Effect.Effect<void, Client.ClientError>
  /** Completes when something has arrived or happened. */
  readonly news: Waiting
}

/** Starts; ends with the scope. */
export const make = Effect.fnUntraced(function* (
  options: Client.Options,
  hooksOn: (inbox: Inbox) => Hooks,
): Effect.fn.Return<Conversation, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const { buffer = {}, onSession, target, uncertain = "drop", url, ...rest } = options
  const { backoff, giveUpAfter, heartbeat = "15 seconds", heartbeatTimeout = "10 seconds", ...more } = rest
  const { stableAfter = "5 seconds", ...dial } = more
  const marks = Checks.marks(buffer)
  if (typeof url === "string") Upstream.parse(url, "url")
  HeaderRules.checkAll(dial.headers ?? {})
  Checks.wholeFrom1("maxMessage", dial.maxMessage ?? 1)
  const name = target ?? (typeof url === "string" ? Upstream.nameOf(url) : "client")
  const [news, room] = [new Waiting(), new Waiting()]
  let self!: Reconnecting.Reconnecting // before it dials
  const inbox = new Inbox(marks, (full) => self.pause(full))
  const hooks = hooksOn(inbox)
  const emit = (event: Events.Event) => Context.get(context, Events.Events).emit(event)
  const about = () => {
    const at = Context.get(context, Clock.Clock).currentTimeMillisUnsafe()
    return { at, program: Reconnecting.program, target: name }
  }
  const doubted = (range: Range | undefined, outcome: "dropped" | "replayed" | "failed") => {
    if (range === undefined) return
    self.traffic.uncertain[outcome] += range[1] - range[0] + 1
    const event: typeof ClientSchema.Uncertain.Type = {
      _tag: "Uncertain",
      ...about(),
      first: range[0],
      last: range[1],
      outcome,
    }
    emit(event)
  }

  yield* Reconnecting.make({
    made: (it) => (self = it),
    target: name,
    url: typeof url === "string" ? Effect.succeed(url) : url,
    dial,
    backoff,
    stableAfter: Checks.millis(stableAfter),
    giveUpAfter: giveUpAfter === undefined ? undefined : Checks.positive("giveUpAfter", giveUpAfter),
    marks,
    uncertain,
    perSession: hooks.perSession,
    beat: {
      interval: Checks.positive("heartbeat", heartbeat),
      timeout: Checks.positive("heartbeatTimeout", heartbeatTimeout),
    },
    greet: onSession === undefined ? undefined : (send) => onSession((message) => send(frameOf(message))),
    listener: {
      connected: (resumed) => {
        hooks.connected(resumed)
        news.wake()
      },
      message: (frame) => {
        inbox.push(frame)
        news.wake()
      },
      away: (info, range) => {
        doubted(range, ({ drop: "dropped", replay: "replayed", fail: "failed" } as const)[uncertain])
        hooks.away(info, self.mayResume)
        news.wake()
      },
      gaveUp: (messages, why) => {
        const event: typeof ClientSchema.Dropped.Type = { _tag: "Dropped", ...about(), messages, why }
        emit(event)
      },
      pressure: (full) => {
        if (!full) room.wake()
      },
      over: (info, range) => {
        doubted(range, uncertain === "fail" ? "failed" : "dropped")
        hooks.over(info)
        news.wake()
        room.wake()
      },
    },
  })
  yield* Telemetry.measure(Reports.traffic({ target: name, direction: "up" }, self.traffic))

  const send = (message: Client.Message): Effect.Effect<void, Client.ClientError> =>
    Effect.suspend(() => {
      if (self.ending !== undefined) return dismissed(self.ending)
      switch (buffer.overflow ?? "Backpressure") {
        case "Backpressure":
          if (self.isPressed) return Effect.andThen(room.after(room.turn), send(message))
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
          while (self.isFull) self.dropOldest()
      }
      self.send(frameOf(message))
      return Effect.void
    })

  return { self, inbox, send, news }
})

/** How it ended, as a failure. */
export const dismissed = ({ code, reason }: CloseInfo) =>
  Effect.fail(new Errors.ClientError({ reason: new Errors.Dismissed({ code, reason }) }))

const frameOf = (message: Client.Message): Frame =>
  typeof message === "string" ? Payload.text(message) : Payload.binary(message)
