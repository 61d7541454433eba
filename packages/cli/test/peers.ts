/**
 * Peers that are not ours: WebSocket servers and clients of the `ws` library, plain HTTP, taken ports.
 */
import { createServer, type IncomingHttpHeaders, request } from "node:http"
import { request as requestTls } from "node:https"
import { type AddressInfo, createServer as createTcp, type Server } from "node:net"
import { Effect } from "effect"
import WebSocket, { WebSocketServer } from "ws"

const listening = (server: Server, port = 0) =>
  Effect.callback<number>((resume) => {
    // A TCP server that listens has an address of this shape.
    server.listen(port, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
  })

/** An echo server; the answer is its URL. */
export const echo = Effect.gen(function* () {
  const http = createServer((_, response) => response.end("plain"))
  const server = new WebSocketServer({ server: http })
  server.on("connection", (socket) => socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })))
  const port = yield* Effect.acquireRelease(listening(http), () =>
    Effect.sync(() => {
      for (const socket of server.clients) socket.terminate()
      http.close()
      http.closeAllConnections()
    }),
  )
  return `ws://127.0.0.1:${port}`
})

/** A status and a body. */
export type Answering = readonly [status: number, body: string]

/** An HTTP server that answers these paths, and 404 to all others; the answer is its origin. */
export const answering = (paths: Readonly<Record<string, Answering>>) =>
  Effect.gen(function* () {
    const http = createServer(({ url = "" }, response) => {
      const [status, body] = paths[url] ?? [404, ""]
      response.writeHead(status).end(body)
    })
    const port = yield* Effect.acquireRelease(listening(http), () => Effect.sync(() => http.closeAllConnections()))
    return `http://127.0.0.1:${port}`
  })

/** A port that is taken until the scope closes. */
export const taken = (port = 0) => {
  const server = createTcp()
  return Effect.acquireRelease(listening(server, port), () => Effect.sync(() => server.close()))
}

/** Whether something holds that port of this machine already. */
export const isFree = (port: number): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const server = createTcp()
    server.once("error", () => resume(Effect.succeed(false)))
    server.listen(port, "127.0.0.1", () => server.close(() => resume(Effect.succeed(true))))
  })

/** An open client. */
export interface Client {
  readonly send: (text: string) => void
  readonly next: Effect.Effect<string>
  readonly closed: Effect.Effect<{ readonly code: number; readonly reason: string }>
  /** A header of the answer it got; empty when there was none. */
  readonly header: (name: string) => string
  /** Ends it without a goodbye. */
  readonly cut: () => void
}

/** A client that is open; it is cut when the scope closes. */
export const client = (url: string, options: WebSocket.ClientOptions = {}) =>
  Effect.gen(function* () {
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => new WebSocket(url, options)),
      (opened) => Effect.sync(() => opened.terminate()),
    )
    const closed = new Promise<{ code: number; reason: string }>((resolve) => {
      socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() }))
    })
    let answer: IncomingHttpHeaders = {}
    socket.once("upgrade", ({ headers }) => (answer = headers))
    yield* Effect.callback<void, Error>((resume) => {
      socket.once("open", () => resume(Effect.void))
      socket.once("error", (error) => resume(Effect.fail(error)))
    })
    return {
      send: (text) => socket.send(text),
      header: (name) => String(answer[name] ?? ""),
      cut: () => socket.terminate(),
      next: Effect.callback<string>((resume) => {
        socket.once("message", (data: Buffer) => resume(Effect.succeed(data.toString())))
      }).pipe(Effect.timeout("10 seconds"), Effect.orDie),
      closed: Effect.promise(() => closed).pipe(Effect.timeout("10 seconds"), Effect.orDie),
    } satisfies Client
  })

/** What came back. */
export interface Answer {
  readonly status: number
  readonly body: string
}

/** Asks over HTTP or HTTPS, whatever certificate there is; fails when nobody answers. */
export const ask = (url: string, headers: Readonly<Record<string, string>> = {}): Effect.Effect<Answer, Error> =>
  Effect.callback<Answer, Error>((resume) => {
    const options = { headers, agent: false, rejectUnauthorized: false }
    const asked = (url.startsWith("https:") ? requestTls : request)(url, options, (response) => {
      let body = ""
      response.setEncoding("utf8").on("data", (text: string) => (body += text))
      response.once("end", () => resume(Effect.succeed({ status: response.statusCode ?? 0, body })))
    })
    asked.once("error", (error) => resume(Effect.fail(error)))
    asked.end()
  })

/** Asks again and again until the answer has that status. */
export const answers = (url: string, status: number): Effect.Effect<Answer> =>
  ask(url).pipe(
    Effect.orElseSucceed((): Answer => ({ status: 0, body: "" })),
    Effect.tap((answer) => (answer.status === status ? Effect.void : Effect.sleep("10 millis"))),
    Effect.repeat({ until: (answer) => answer.status === status }),
    Effect.timeout("10 seconds"),
    Effect.orDie,
  )
