/**
 * The two ends, with nothing but `ws`: a feed that has one reader, the proxy, and listeners that come and go.
 */
import type { AddressInfo } from "node:net"
import { Context, Deferred, Effect, Layer, Queue } from "effect"
import WebSocket, { WebSocketServer } from "ws"
import { arrived, say } from "../arrived.ts"

/** The server behind the proxy. */
export class Feed extends Context.Service<
  Feed,
  {
    readonly url: string
    /** Completes when it has arrived at the proxy. */
    readonly say: (text: string) => Effect.Effect<void>
    readonly heard: Effect.Effect<string>
  }
>()("example/Feed") {
  static readonly layer = Layer.effect(
    Feed,
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(
        Effect.sync(() => new WebSocketServer({ host: "127.0.0.1", port: 0 })),
        (it) => Effect.sync(() => it.close()),
      )
      yield* Effect.callback<void>((resume) => void server.once("listening", () => resume(Effect.void)))
      const reader = yield* Deferred.make<WebSocket>()
      const heard = yield* Queue.bounded<string>(16)
      server.once("connection", (socket) => {
        socket.on("message", (data) => Queue.offerUnsafe(heard, data.toString()))
        Deferred.doneUnsafe(reader, Effect.succeed(socket))
      })
      const { port } = server.address() as AddressInfo // it listens on TCP
      return {
        url: `ws://127.0.0.1:${port}`,
        say: (text) => Effect.flatMap(Deferred.await(reader), (socket) => say(socket, text)),
        heard: Queue.take(heard),
      }
    }),
  )
}

/** A listener. */
export const connect = Effect.fnUntraced(function* (url: string) {
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => new WebSocket(url)),
    (it) => Effect.sync(() => it.terminate()),
  )
  const messages = yield* Queue.bounded<string>(16)
  socket.on("message", (data) => Queue.offerUnsafe(messages, data.toString()))
  yield* Effect.callback<void>((resume) => void socket.once("open", () => resume(Effect.void)))
  yield* arrived(socket) // the 101 says that it was let in, this that it is heard
  return {
    next: Queue.take(messages),
    say: (text: string) => say(socket, text),
    cut: Effect.sync(() => socket.terminate()),
  }
})
