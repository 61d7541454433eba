/**
 * A client cut into sessions, each for one reader: what is resumed is one session, what is not is another.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import type * as Client from "../Client.ts"
import type { CloseInfo } from "../Transport.ts"
import * as Conversation from "./conversation.ts"
import type { Inbox, Messages } from "./inbox.ts"

/** Whoever asks again when all is over waits for so long. */
const rest = "5 seconds"

/** One who reads, and the session that is read. */
interface Reader {
  /** What had arrived when it ended. */
  left: Messages | undefined
  end: CloseInfo | undefined
}

/** Starts; ends with the scope. */
export const make = Effect.fnUntraced(function* (
  options: Client.Options,
): Effect.fn.Return<Socket.Socket, never, Scope.Scope> {
  /** There is a session, connected or not. */
  let live = false
  /** How its connection was lost, while it may come back. */
  let lost: CloseInfo | undefined
  let reader: Reader | undefined
  let told = false

  const endedOf = (inbox: Inbox) => (end: CloseInfo) => {
    if (!live) return
    live = false
    lost = undefined
    const left = inbox.take()
    if (reader === undefined || reader.end !== undefined) return
    reader.left = left
    reader.end = end
  }
  const conversation = yield* Conversation.make({ ...options, uncertain: options.uncertain ?? "fail" }, (inbox) => {
    const ended = endedOf(inbox)
    return {
      perSession: true,
      connected: (resumed) => {
        if (!resumed && lost !== undefined) ended(lost)
        live = true
        lost = undefined
      },
      away: (end, mayResume) => {
        if (mayResume) lost = end
        else ended(end)
      },
      over: (end) => ended(lost ?? end),
    }
  })
  const { inbox, news, self } = conversation
  const ended = endedOf(inbox)

  const hangUp = (of: Reader, code: number, reason: string) => {
    if (reader !== of || of.end !== undefined) return
    ended({ code, reason, clean: true })
    self.renew(code, reason)
    news.wake()
  }

  const take = (
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
  ): Effect.Effect<Socket.Reader, Socket.SocketError, Scope.Scope> =>
    Effect.suspend(() => {
      const over = self.ending
      if (over !== undefined && !live && reader === undefined) {
        const before = told
        told = true
        return Effect.andThen(restore(before ? Effect.sleep(rest) : Effect.void), closed(over))
      }
      if (reader !== undefined || !live) return Effect.andThen(restore(news.after(news.turn)), take(restore))
      const mine: Reader = { left: undefined, end: undefined }
      reader = mine
      const release = Effect.sync(() => {
        hangUp(mine, 1000, "")
        mine.end ??= { code: 1006, reason: "", clean: false }
        reader = undefined
        news.wake()
      })
      return Effect.as(
        Effect.addFinalizer(() => release),
        { pull: pull(mine), upgrade },
      )
    })

  const pull = (mine: Reader): Socket.Reader["pull"] =>
    Effect.suspend(() => {
      const messages = mine.left ?? (mine.end === undefined ? inbox.take() : undefined)
      mine.left = undefined
      if (messages !== undefined) return Effect.succeed(messages)
      return mine.end === undefined ? Effect.andThen(news.after(news.turn), pull(mine)) : closed(mine.end)
    })

  const write = (chunk: Uint8Array | string | Socket.CloseEvent): Effect.Effect<void, Socket.SocketError> =>
    Socket.isCloseEvent(chunk)
      ? Effect.sync(() => {
          if (reader !== undefined) hangUp(reader, chunk.code, chunk.reason ?? "")
          else {
            ended({ code: chunk.code, reason: chunk.reason ?? "", clean: true })
            self.renew(chunk.code, chunk.reason ?? "")
          }
        })
      : Effect.catchIf(
          conversation.send(chunk),
          // The reader says why; whoever writes cannot know yet.
          ({ reason }) => reason._tag === "Dismissed",
          () => Effect.sync(() => self.drop()),
        ).pipe(Effect.mapError((cause) => new Socket.SocketError({ reason: new Socket.SocketWriteError({ cause }) })))

  const writer: Socket.Writer = { write, writeAll: (chunks) => Effect.forEach(chunks, write, { discard: true }) }
  return Socket.make({ reader: Effect.uninterruptibleMask(take), writer: Effect.succeed(writer) })
})

const upgrade = Socket.SocketUpgradeError.unsupported

const closed = ({ code, reason }: CloseInfo) =>
  Effect.fail(
    new Socket.SocketError({
      reason: new Socket.SocketCloseError({ code, closeReason: reason === "" ? undefined : reason }),
    }),
  )
