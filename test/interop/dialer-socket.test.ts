import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Client } from "@holdfast/websocket"
import * as DialerSocket from "@holdfast/websocket/DialerSocket"
import { Effect } from "effect"
import { WebSocket, WebSocketServer } from "ws"

const serve = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 })
    server.on("connection", (socket, request) => {
      socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }))
      socket.send(String(request.headers["x-who"]))
    })
    await once(server, "listening")
    return server
  }),
  (server) =>
    Effect.sync(() => {
      for (const socket of server.clients) socket.terminate()
      server.close()
    }),
)

describe("DialerSocket", () => {
  it.live("a client over sockets of `ws` sends, receives, and comes back", () =>
    Effect.gen(function* () {
      const server = yield* serve
      const dialled: Array<WebSocket> = []
      const layer = DialerSocket.layer((url, protocols, options) => {
        const socket = new WebSocket(url, protocols, options)
        dialled.push(socket)
        return socket
      })
      const { port } = server.address() as AddressInfo // it listens on TCP
      yield* Effect.gen(function* () {
        const client = yield* Client.make({ url: `ws://127.0.0.1:${port}`, headers: { "x-who": "me" } })
        const next = Effect.map(client.receive, ([message]) => String(message))
        assert.strictEqual(yield* next, "me")
        yield* client.send("hello")
        assert.strictEqual(yield* next, "hello")
        for (const socket of server.clients) socket.terminate()
        assert.strictEqual(yield* next, "me")
      }).pipe(Effect.scoped, Effect.provide(layer))
      assert.deepStrictEqual(
        dialled.map(({ readyState }) => readyState),
        [WebSocket.CLOSED, WebSocket.CLOSED],
      )
    }).pipe(Effect.timeout("10 seconds")),
  )
})
