/**
 * Real `ws` peers for the proxy's tests: an upstream that can be steered and a client that can be asked.
 * Independent of our own transport, so that both sides of a claim are not the same code.
 */
import type { IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { Deferred, Effect, Queue, type Scope } from "effect"
import WebSocket, { type ClientOptions, type ServerOptions, WebSocketServer } from "ws"

/** One end of a WebSocket, as a test sees it. */
export interface Peer {
  readonly ws: WebSocket
  /** The request that opened it (upstream's side) or the answer (client's side). */
  readonly http: IncomingMessage
  /** The next message; text as a string, binary as bytes. */
  readonly next: Effect.Effect<string | Buffer>
  readonly closed: Effect.Effect<{ readonly code: number; readonly reason: string }>
  readonly send: (data: string | Uint8Array) => Effect.Effect<void>
}

/** The answer to a handshake that was not a 101. */
export interface Refusal {
  readonly status: number
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

/** A WebSocket server on a free port of the loopback; closed with its connections when the scope closes. */
export const upstream = Effect.fnUntraced(function* (options: ServerOptions = {}) {
  const peers = yield* Queue.unbounded<Peer>()
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => new WebSocketServer({ port: 0, host: "127.0.0.1", ...options })),
    (running) =>
      Effect.callback<void>((resume) => {
        for (const ws of running.clients) ws.terminate()
        running.close(() => resume(Effect.void))
      }),
  )
  server.on("connection", (ws, request) => Queue.offerUnsafe(peers, observe(ws, request)))
  // A server of the test's own listens already.
  if (options.server === undefined) {
    yield* Effect.callback<void>((resume) => void server.once("listening", () => resume(Effect.void)))
  }
  const { port } = server.address() as AddressInfo // it listens on TCP
  return { server, port, url: `ws://127.0.0.1:${port}`, accepted: Queue.take(peers) }
})

/** An upstream that answers every message with itself. */
export const echo = Effect.gen(function* () {
  const running = yield* upstream()
  running.server.on("connection", (ws) => ws.on("message", (data, binary) => ws.send(data, { binary })))
  return running
})

/** Dials; fails with the answer if it is not a 101. */
export const connect = Effect.fnUntraced(function* (
  url: string,
  protocols: ReadonlyArray<string> = [],
  options: ClientOptions = {},
): Effect.fn.Return<Peer, Refusal, Scope.Scope> {
  const ws = yield* Effect.acquireRelease(
    Effect.sync(() => new WebSocket(url, [...protocols], options)),
    (opened) => Effect.sync(() => opened.terminate()),
  )
  ws.on("error", () => {})
  return yield* Effect.callback<Peer, Refusal>((resume) => {
    ws.on("upgrade", (answer) => {
      const peer = observe(ws, answer)
      ws.on("open", () => resume(Effect.succeed(peer)))
    })
    ws.on("unexpected-response", (_, answer) => {
      const chunks: Array<Buffer> = []
      answer.on("data", (chunk: Buffer) => chunks.push(chunk))
      answer.on("close", () => {
        const body = Buffer.concat(chunks).toString()
        resume(Effect.fail({ status: answer.statusCode ?? 0, headers: answer.headers, body }))
      })
    })
    ws.on("close", () => resume(Effect.fail({ status: 0, headers: {}, body: "closed before an answer" })))
  })
})

const observe = (ws: WebSocket, http: IncomingMessage): Peer => {
  const messages = Effect.runSync(Queue.unbounded<string | Buffer>())
  const closed = Deferred.makeUnsafe<{ readonly code: number; readonly reason: string }>()
  // `nodebuffer`, the default binary type, gives one Buffer per message.
  ws.on("message", (data, binary) => Queue.offerUnsafe(messages, binary ? (data as Buffer) : data.toString()))
  ws.on("close", (code, reason) => Deferred.doneUnsafe(closed, Effect.succeed({ code, reason: reason.toString() })))
  ws.on("error", () => {})
  return {
    ws,
    http,
    next: Queue.take(messages),
    closed: Deferred.await(closed),
    send: (data) =>
      Effect.callback((resume) => ws.send(data, (error) => resume(error ? Effect.die(error) : Effect.void))),
  }
}
