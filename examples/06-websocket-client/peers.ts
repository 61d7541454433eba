/**
 * What the client talks to: a server that forgets everybody when it is killed, on `ws` alone, and a proxy in front of it. Both come back
 * where they were.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Acceptor, Proxy } from "@holdfast/websocket"
import { Context, Effect, Exit, Layer, References, Scope } from "effect"
import { type WebSocket, WebSocketServer } from "ws"

/** The feed, behind its proxy. */
export class Feed extends Context.Service<
  Feed,
  {
    readonly url: string
    /** To all who have subscribed. */
    readonly publish: (text: string) => Effect.Effect<void>
    readonly killServer: Effect.Effect<void>
    readonly killProxy: Effect.Effect<void>
  }
>()("example/Feed") {
  static readonly layer = Layer.effect(
    Feed,
    Effect.gen(function* () {
      const http = createServer()
      const server = new WebSocketServer({ server: http })
      const subscribers = new Set<WebSocket>()
      let count = 0
      server.on("connection", (socket) => {
        socket.on("close", () => subscribers.delete(socket))
        socket.on("message", (data) => {
          subscribers.add(socket)
          socket.send(`subscriber ${++count}: ${data.toString()}`)
        })
      })
      const kill = () => {
        for (const socket of server.clients) socket.terminate()
      }
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void http.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () =>
          Effect.sync(() => {
            kill()
            http.close()
          }),
      )
      const { port } = http.address() as AddressInfo // it listens on TCP
      const outer = yield* Effect.scope
      let proxy: Scope.Closeable
      const start = Effect.fnUntraced(function* (listen: string) {
        proxy = yield* Scope.fork(outer)
        // A server that was killed knows nobody, so whoever is connected is told.
        const layer = Proxy.layer({ upstream: `ws://127.0.0.1:${port}`, onUpstreamLoss: "close" }).pipe(
          Layer.provideMerge(Acceptor.layer({ listen })),
          Layer.provide(Layer.succeed(References.MinimumLogLevel, "Error")),
        )
        return Context.get(yield* Layer.buildWithScope(Layer.fresh(layer), proxy), Acceptor.Acceptor).address
      })
      const address = yield* Effect.orDie(start("127.0.0.1:0"))
      return {
        url: `ws://${address}`,
        publish: (text) =>
          Effect.sync(() => {
            for (const socket of subscribers) socket.send(text)
          }),
        killServer: Effect.sync(kill),
        killProxy: Effect.suspend(() => Scope.close(proxy, Exit.void)).pipe(
          Effect.andThen(start(address)),
          Effect.orDie,
          Effect.asVoid,
        ),
      }
    }),
  )
}
