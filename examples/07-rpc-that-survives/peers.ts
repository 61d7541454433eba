/**
 * What the client talks to: an RPC server on `ws` alone, a proxy in front of it that can be killed, and a network between client and
 * proxy that can be cut.
 */
import { type AddressInfo, createConnection, createServer, type Server, type Socket as TcpSocket } from "node:net"
import { Acceptor, Proxy } from "@holdfast/websocket"
import { Context, Deferred, Effect, Exit, Layer, Queue, References, Scope } from "effect"
import { RpcSerialization, RpcServer } from "effect/rpc"
import * as Socket from "effect/socket/Socket"
import * as SocketServer from "effect/socket/SocketServer"
import { type WebSocket, WebSocketServer } from "ws"
import { Calls } from "./calls.ts"

const closed = (server: { readonly close: (done: () => void) => unknown }) =>
  Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))

const portOf = (server: Pick<Server, "address">) => (server.address() as AddressInfo).port // it listens on TCP

/** The sockets of a `ws` server, for Effect's RPC. */
const listening = Effect.gen(function* () {
  const accepted = yield* Queue.unbounded<WebSocket>()
  const server = yield* Effect.acquireRelease(
    Effect.callback<WebSocketServer>((resume) => {
      const made = new WebSocketServer({ host: "127.0.0.1", port: 0 })
      made.on("listening", () => resume(Effect.succeed(made)))
    }),
    (it) => {
      for (const socket of it.clients) socket.terminate()
      return closed(it)
    },
  )
  server.on("connection", (socket) => Queue.offerUnsafe(accepted, socket))
  const sockets = Layer.succeed(SocketServer.SocketServer, {
    address: server.address() as never, // nobody asks
    run: (handler) =>
      Queue.take(accepted).pipe(
        Effect.flatMap((socket) => Socket.fromWebSocket(Effect.succeed(socket as never))), // it has all that is used
        Effect.flatMap((socket) => Effect.forkScoped(Effect.ignoreCause(handler(socket)))),
        Effect.forever,
        Effect.scoped,
      ),
  })
  return { port: portOf(server as never), sockets }
})

/** A network that forwards, until it is cut for a moment. */
const cuttable = Effect.fnUntraced(function* (port: () => number) {
  const open = new Set<TcpSocket>()
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const made = createServer((near) => {
        const far = createConnection(port(), "127.0.0.1")
        for (const [one, other] of [
          [near, far],
          [far, near],
        ] as const) {
          open.add(one)
          one.on("error", () => {})
          one.on("close", () => {
            open.delete(one)
            other.destroy()
          })
          one.pipe(other)
        }
      }).listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
    }),
    (it) => {
      for (const socket of open) socket.destroy()
      return closed(it)
    },
  )
  return {
    url: `ws://127.0.0.1:${portOf(server)}`,
    cut: Effect.sync(() => {
      for (const socket of open) socket.resetAndDestroy()
    }),
  }
})

/** Everything behind the client. */
export class World extends Context.Service<
  World,
  {
    readonly url: string
    readonly cut: Effect.Effect<void>
    readonly killProxy: Effect.Effect<void>
    /** Completes when the server works on such a report; the answer finishes it. */
    readonly reporting: (about: string) => Effect.Effect<Effect.Effect<void>>
  }
>()("example/World") {
  static readonly layer = Layer.effect(
    World,
    Effect.gen(function* () {
      const reports = yield* Queue.unbounded<readonly [about: string, done: Deferred.Deferred<string>]>()
      const handlers = Calls.toLayer({
        Add: ({ left, right }) => Effect.succeed(left + right),
        Report: Effect.fnUntraced(function* ({ about }) {
          const done = yield* Deferred.make<string>()
          yield* Queue.offer(reports, [about, done])
          return yield* Deferred.await(done)
        }),
      })
      const { port, sockets } = yield* listening
      const protocol = RpcServer.layerProtocolSocketServer.pipe(Layer.provide(sockets))
      const server = RpcServer.layer(Calls).pipe(Layer.provide([handlers, protocol]))
      yield* Layer.build(Layer.provide(server, RpcSerialization.layerNdjson))

      const outer = yield* Effect.scope
      let proxy: Scope.Closeable
      const start = Effect.fnUntraced(function* (listen: string) {
        proxy = yield* Scope.fork(outer)
        // Calls live in a connection: what may have been lost, or is dialled again, is the end of them.
        const layer = Proxy.layer({ upstream: `ws://127.0.0.1:${port}`, uncertain: "fail", onUpstreamLoss: "close" })
        const context = yield* Layer.buildWithScope(
          Layer.fresh(
            layer.pipe(
              Layer.provideMerge(Acceptor.layer({ listen })),
              Layer.provide(Layer.succeed(References.MinimumLogLevel, "Error")),
            ),
          ),
          proxy,
        )
        return Context.get(context, Acceptor.Acceptor).address
      })
      const address = yield* Effect.orDie(start("127.0.0.1:0"))
      const { cut, url } = yield* cuttable(() => Number(address.split(":").at(-1)))
      return {
        url,
        cut,
        killProxy: Effect.suspend(() => Scope.close(proxy, Exit.void)).pipe(
          Effect.andThen(start(address)),
          Effect.orDie,
          Effect.asVoid,
        ),
        reporting: (about) =>
          Queue.take(reports).pipe(
            Effect.repeat({ until: ([of]) => of === about }),
            Effect.map(([, done]) => Effect.asVoid(Deferred.succeed(done, `all is well with ${about}`))),
          ),
      }
    }),
  )
}
