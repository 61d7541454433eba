/**
 * The two ends, with nothing but `ws`: a server that crashes when it is told to, and clients that remember what their 101 said.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Context, Effect, Layer, Queue } from "effect"
import WebSocket, { WebSocketServer } from "ws"
import { arrived, say } from "../arrived.ts"

/** The server behind the proxy. */
export class Server extends Context.Service<
  Server,
  {
    readonly url: string
    readonly restart: Effect.Effect<void>
    /** To who is connected; completes when it has arrived there. */
    readonly say: (text: string) => Effect.Effect<void>
  }
>()("example/Server") {
  static readonly layer = Layer.effect(
    Server,
    Effect.gen(function* () {
      const http = createServer()
      const server = new WebSocketServer({ server: http })
      let crashed = false
      http.on("connection", (socket) => {
        if (crashed) socket.destroy()
      })
      server.on("connection", (socket) => {
        socket.on("message", (data) => {
          crashed = data.toString() === "crash"
          if (crashed) socket.terminate()
          else socket.send(`you said: ${data.toString()}`)
        })
      })
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void http.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () =>
          Effect.sync(() => {
            for (const socket of server.clients) socket.terminate()
            http.close()
          }),
      )
      const { port } = http.address() as AddressInfo // it listens on TCP
      return {
        url: `ws://127.0.0.1:${port}`,
        restart: Effect.sync(() => {
          crashed = false
        }),
        say: (text) => Effect.forEach(server.clients, (socket) => say(socket, text), { discard: true }),
      }
    }),
  )
}

/** A client; with what an earlier one has left, it goes on where that one was. */
export const connect = Effect.fnUntraced(function* (url: string, headers: Readonly<Record<string, string>> = {}) {
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => new WebSocket(url, { headers: { ...headers } })),
    (it) => Effect.sync(() => it.terminate()),
  )
  const messages = yield* Queue.bounded<string>(16)
  let last: "message" | "ping" = "ping"
  let pinged = () => {}
  socket.on("message", (data) => {
    last = "message"
    Queue.offerUnsafe(messages, data.toString())
  })
  // `ws` has answered it by itself.
  socket.on("ping", () => {
    last = "ping"
    pinged()
  })
  const answer = Effect.callback<Readonly<Record<string, unknown>>>((resume) => {
    socket.once("upgrade", (response) => resume(Effect.succeed(response.headers)))
  })
  const open = Effect.callback<void>((resume) => void socket.once("open", () => resume(Effect.void)))
  const [known] = yield* Effect.all([answer, open], { concurrency: "unbounded" })
  return {
    id: `${known["x-connection-id"]}`,
    /** What the next one has to show. */
    credentials: {
      "x-reconnect-id": `${known["x-connection-id"]}`,
      "x-resume-token": `${known["x-resume-token"]}`,
    },
    next: Queue.take(messages),
    say: (text: string) => say(socket, text),
    /** The proxy knows that everything has arrived: it has asked behind the last message, and has the answer. */
    confirmed: Effect.andThen(
      Effect.callback<void>((resume) => {
        pinged = () => resume(Effect.void)
        if (last === "ping") pinged()
      }),
      arrived(socket),
    ),
    cut: Effect.sync(() => socket.terminate()),
  }
})
