/**
 * The server behind the proxy, with nothing but `ws`.
 */
import type { AddressInfo } from "node:net"
import { Context, Effect, Layer, Queue } from "effect"
import { WebSocketServer } from "ws"

/** Talks to everybody who is there. */
export class Feed extends Context.Service<
  Feed,
  {
    readonly url: string
    readonly say: (text: string) => Effect.Effect<void>
    readonly hears: Effect.Effect<string>
    /** Loses all its connections, and is back at once. */
    readonly crash: Effect.Effect<void>
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
      const heard = yield* Queue.bounded<string>(16)
      const joined = yield* Queue.bounded<void>(16)
      server.on("connection", (socket) => {
        socket.on("message", (data) => Queue.offerUnsafe(heard, data.toString()))
        Queue.offerUnsafe(joined, undefined)
      })
      const { port } = server.address() as AddressInfo // it listens on TCP
      return {
        url: `ws://127.0.0.1:${port}`,
        say: (text) => Effect.sync(() => server.clients.forEach((socket) => socket.send(text))),
        hears: Queue.take(heard),
        crash: Effect.gen(function* () {
          yield* Queue.clear(joined)
          for (const socket of server.clients) socket.terminate()
          yield* Queue.take(joined)
        }),
      }
    }),
  )
}
