import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Connectivity } from "@holdfast/core"
import { Acceptor, Client, Proxy } from "@holdfast/websocket"
import * as ClientSocket from "@holdfast/websocket/ClientSocket"
import { Effect, Exit, Fiber, Layer, References, Schedule, Schema, Scope } from "effect"
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"
import * as Socket from "effect/socket/Socket"
import * as SocketServer from "effect/socket/SocketServer"
import { eventually } from "./kit/eventually.ts"
import { type Peer, upstream } from "./kit/peers.ts"
import { restartable } from "./kit/restartable.ts"

const backoff = Schedule.spaced("20 millis")

/** A proxy that comes back on the same port, and cuts its clients when it is told to. */
const proxying = Effect.fnUntraced(function* (options: Proxy.Options) {
  const port = yield* freePort
  let scope: Scope.Closeable | undefined
  const layer = Proxy.layer({ backoff, drainTimeout: "100 millis", ...options }).pipe(
    Layer.provide(Acceptor.layer({ listen: `127.0.0.1:${port}` })),
    Layer.provide(Layer.succeed(References.MinimumLogLevel, "Fatal")),
  )
  const outer = yield* Effect.scope
  const start = Effect.gen(function* () {
    scope = yield* Scope.fork(outer)
    yield* Layer.buildWithScope(Layer.fresh(layer), scope)
  })
  yield* start
  return {
    url: `ws://127.0.0.1:${port}`,
    start,
    stop: Effect.suspend(() => (scope === undefined ? Effect.void : Scope.close(scope, Exit.void))),
  }
})

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

describe("a client behind a proxy", () => {
  it.live("comes back to its session again and again, and nothing is greeted, lost or said twice", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxying({ upstream: up.url })
      const client = yield* Client.make({ url: proxy.url, backoff, onSession: (send) => send("hello") })
      const peer = yield* up.accepted
      assert.strictEqual(yield* peer.next, "hello")
      const heard: Array<Client.Message> = []
      yield* Effect.forkScoped(Effect.forever(Effect.map(client.receive, (batch) => void heard.push(...batch))))
      for (let round = 1; round <= 10; round++) {
        yield* client.send(`up ${round}`)
        assert.strictEqual(yield* peer.next, `up ${round}`)
        yield* peer.send(`down ${round}`)
        yield* eventually(() => heard.length === round)
        yield* client.reconnect("told to")
        yield* Connectivity.waitFor(client, "Ready")
      }
      assert.strictEqual(up.server.clients.size, 1)
    }),
  )

  it.live("outlives a restart of the proxy in a new session", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxying({ upstream: up.url })
      const client = yield* Client.make({ url: proxy.url, backoff, onSession: (send) => send("hello") })
      assert.strictEqual(yield* (yield* up.accepted).next, "hello")
      yield* proxy.stop
      yield* client.send("meanwhile")
      yield* proxy.start
      const peer = yield* up.accepted
      assert.deepStrictEqual([yield* peer.next, yield* peer.next], ["hello", "meanwhile"])
    }),
  )

  it.live("does not notice that the server was killed", () =>
    Effect.gen(function* () {
      const up = yield* restartable
      const proxy = yield* proxying({ upstream: up.url })
      const client = yield* Client.make({ url: proxy.url, backoff })
      yield* up.accepted
      up.leave()
      yield* client.send("meanwhile")
      up.comeBack()
      assert.strictEqual(yield* (yield* up.accepted).next, "meanwhile")
      assert.strictEqual(client.state(), "Ready")
    }),
  )
})

const Rpcs = RpcGroup.make(
  Rpc.make("Add", { payload: { left: Schema.Number, right: Schema.Number }, success: Schema.Number }),
  Rpc.make("Wait", { payload: { id: Schema.String }, success: Schema.String }),
)

describe("Effect RPC over a client's socket", () => {
  // The server, on `ws` alone; calls of `Wait` are answered when the test says so.
  const serving = Effect.fnUntraced(function* (accepted: Effect.Effect<Peer>) {
    const waiting = new Map<string, () => void>()
    const handlers = Rpcs.toLayer({
      Add: ({ left, right }) => Effect.succeed(left + right),
      Wait: ({ id }) => Effect.callback<string>((resume) => void waiting.set(id, () => resume(Effect.succeed(id)))),
    })
    const sockets = Layer.succeed(SocketServer.SocketServer, {
      address: { _tag: "UnixPathAddress", path: "" } as never, // nobody asks
      run: (handler) =>
        accepted.pipe(
          Effect.flatMap(({ ws }) => Socket.fromWebSocket(Effect.succeed(ws as never))), // `ws` has all that it uses
          Effect.flatMap((socket) => Effect.forkScoped(Effect.ignoreCause(handler(socket)))),
          Effect.forever,
          Effect.scoped,
        ),
    })
    yield* Layer.build(
      RpcServer.layer(Rpcs).pipe(
        Layer.provide([handlers, RpcServer.layerProtocolSocketServer.pipe(Layer.provide(sockets))]),
        Layer.provide(RpcSerialization.layerNdjson),
      ),
    )
    return waiting
  })
  const calling = Effect.fnUntraced(function* (url: string) {
    const protocol = RpcClient.layerProtocolSocket({ retryPolicy: Schedule.forever }).pipe(
      Layer.provide([RpcSerialization.layerNdjson, ClientSocket.layer({ url, backoff })]),
    )
    return yield* RpcClient.make(Rpcs).pipe(Effect.provideContext(yield* Layer.build(protocol)))
  })

  it.live("ends calls with a typed error when the proxy is restarted, and works again after it", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const waiting = yield* serving(up.accepted)
      const proxy = yield* proxying({ upstream: up.url, uncertain: "fail", onUpstreamLoss: "close" })
      const client = yield* calling(proxy.url)
      assert.strictEqual(yield* client.Add({ left: 20, right: 22 }), 42)
      const call = yield* Effect.forkChild(Effect.flip(client.Wait({ id: "lost" })))
      yield* eventually(() => waiting.has("lost"))
      yield* proxy.stop
      yield* proxy.start
      assert.strictEqual((yield* Fiber.join(call))._tag, "RpcClientError")
      const retried = Effect.retry(client.Add({ left: 1, right: 2 }), Schedule.spaced("20 millis"))
      assert.strictEqual(yield* retried, 3)
    }),
  )

  it.live("does the same when the server is killed", () =>
    Effect.gen(function* () {
      const up = yield* restartable
      const waiting = yield* serving(up.accepted)
      const proxy = yield* proxying({ upstream: up.url, uncertain: "fail", onUpstreamLoss: "close" })
      const client = yield* calling(proxy.url)
      const call = yield* Effect.forkChild(Effect.flip(client.Wait({ id: "lost" })))
      yield* eventually(() => waiting.has("lost"))
      up.leave()
      assert.strictEqual((yield* Fiber.join(call))._tag, "RpcClientError")
      up.comeBack()
      const retried = Effect.retry(client.Add({ left: 1, right: 2 }), Schedule.spaced("20 millis"))
      assert.strictEqual(yield* retried, 3)
    }),
  )
})
