/**
 * Plain HTTP for the proxy's tests: a server that can be steered and a client that sees the answer as it came.
 */
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { Effect, Queue } from "effect"

/** A request as the server got it. */
export interface Visit {
  readonly request: Http.IncomingMessage
  readonly response: Http.ServerResponse
}

/** A server on a free port of the loopback; closed with its connections when the scope closes. */
export const serve = Effect.fnUntraced(function* (answer?: (visit: Visit) => void) {
  const visits = yield* Queue.unbounded<Visit>()
  const server = Http.createServer((request, response) => {
    Queue.offerUnsafe(visits, { request, response })
    answer?.({ request, response })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      }),
  )
  const { port } = server.address() as AddressInfo // it listens on TCP
  return { server, port, url: `ws://127.0.0.1:${port}`, visited: Queue.take(visits) }
})

/** An answer, and what came of its body before it ended or broke. */
export interface Page {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly body: Buffer
  readonly whole: boolean
}

/** Starts a request on a connection of its own; cut when the scope closes. */
export const start = Effect.fnUntraced(function* (address: string, options: Http.RequestOptions = {}) {
  const [host, port] = address.split(":")
  return yield* Effect.acquireRelease(
    Effect.sync(() => Http.request({ host, port, agent: false, ...options }).on("error", () => {})),
    (request) => Effect.sync(() => request.destroy()),
  )
})

/** Waits for the answer; fails the test when there is none. */
export const answer = (request: Http.ClientRequest): Effect.Effect<Page> =>
  Effect.callback((resume) => {
    request.on("error", (error) => resume(Effect.die(error)))
    request.on("response", (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("error", () => {})
      response.on("close", () => {
        const { complete: whole, headers, statusCode: status = 0 } = response
        resume(Effect.succeed({ status, headers, body: Buffer.concat(chunks), whole }))
      })
    })
  })

/** One request without a body, and its answer. */
export const get = Effect.fnUntraced(function* (address: string, options: Http.RequestOptions = {}) {
  const request = yield* start(address, options)
  request.end()
  return yield* answer(request)
})
