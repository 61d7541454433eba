/**
 * The client: what arrives, across sessions, for whoever reads.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Client from "../Client.ts"
import * as Conversation from "./conversation.ts"
import type { Messages } from "./inbox.ts"

/** Starts; ends with the scope. */
export const make = Effect.fnUntraced(function* (
  options: Client.Options,
): Effect.fn.Return<Client.Shape, never, Scope.Scope> {
  const { inbox, news, self, send } = yield* Conversation.make(options, () => ({
    perSession: false,
    connected: () => {},
    away: () => {},
    over: () => {},
  }))
  const receive: Effect.Effect<Messages, Client.ClientError> = Effect.suspend(() => {
    const messages = inbox.take()
    if (messages !== undefined) return Effect.succeed(messages)
    if (self.ending !== undefined) return Conversation.dismissed(self.ending)
    return Effect.andThen(news.after(news.turn), receive)
  })
  return { state: self.link.state, subscribe: self.link.subscribe, send, receive, reconnect: self.reconnect }
})
