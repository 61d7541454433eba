/**
 * The proxies that are compared, each in a process of its own: `node proxies.ts <which> <port of the origin>` tells its parent its port.
 */
import * as Http from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { Events, Telemetry } from "@holdfast/core"
import { Acceptor, Proxy } from "@holdfast/websocket"
import { Context, Effect, Layer, Logger } from "effect"
import { createProxyServer } from "http-proxy-3"
import { WebSocket, WebSocketServer } from "ws"

const ready = (port: number) => process.send!(port)

/** What people write: each message as it comes. */
const pipe = (origin: number, corked: boolean) => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", backlog: 4096, perMessageDeflate: false })
  server.on("connection", (client) => {
    const upstream = new WebSocket(`ws://127.0.0.1:${origin}`, { perMessageDeflate: false })
    client.pause()
    upstream.on("open", () => {
      client.resume()
      const [up, down] = corked ? [corking(upstream), corking(client)] : [ignore, ignore]
      client.on("message", (data, binary) => {
        up()
        upstream.send(data, { binary })
      })
      upstream.on("message", (data, binary) => {
        down()
        client.send(data, { binary })
      })
    })
    client.on("close", () => upstream.close())
    upstream.on("close", () => client.close())
    client.on("error", ignore)
    upstream.on("error", ignore)
  })
  server.on("listening", () => ready((server.address() as AddressInfo).port))
}

const ignore = () => {}

/** One write for all messages of a turn. */
const corking = (of: WebSocket) => {
  const { _socket: socket } = of as unknown as { readonly _socket: Socket } // private, but everybody who does this does it so
  let corked = false
  const uncork = () => {
    corked = false
    socket.uncork()
  }
  return () => {
    if (corked) return
    corked = true
    socket.cork()
    process.nextTick(uncork)
  }
}

/** All it does by default, with events, lists and logs as the command line has them; the log's lines go nowhere. */
const holdfast = (origin: number) => {
  const layer = Proxy.layer({ upstream: `ws://127.0.0.1:${origin}` }).pipe(
    Layer.provideMerge(Acceptor.layer()),
    Layer.provide(
      Events.layerLog.pipe(
        Layer.provideMerge(Layer.merge(Events.layer(), Telemetry.layer)),
        Layer.provideMerge(Logger.layer([])),
      ),
    ),
  )
  const program = Effect.gen(function* () {
    const { address } = Context.get(yield* Layer.build(layer), Acceptor.Acceptor)
    ready(Number(address.split(":").at(-1)))
    yield* Effect.never
  })
  Effect.runFork(Effect.scoped(program))
}

const httpProxy = (origin: number) => {
  const proxy = createProxyServer({ target: { host: "127.0.0.1", port: origin }, ws: true })
  proxy.on("error", ignore)
  const server = Http.createServer()
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", ignore)
    proxy.ws(request, socket as Socket, head)
  })
  server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => ready((server.address() as AddressInfo).port))
}

const [which, origin] = process.argv.slice(2)
process.on("message", () => {
  globalThis.gc?.()
  globalThis.gc?.()
  process.send!(process.memoryUsage().heapUsed)
})
if (which === "holdfast") holdfast(Number(origin))
else if (which === "http-proxy-3") httpProxy(Number(origin))
else pipe(Number(origin), which === "cork")
