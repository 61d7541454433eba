/**
 * Platform file: Node's `upgrade` and `request` events as fibers of a handler, and the answers that are not a 101.
 */
import * as Http from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { TLSSocket } from "node:tls"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type { Handlers, Incoming, Request, Upgrade } from "../Acceptor.ts"
import type { Headers } from "../Transport.ts"
import * as Forward from "./forward.ts"
import * as Handshake from "./handshake.ts"
import * as HeaderRules from "./headers.ts"
import * as Target from "./target.ts"
import * as Wire from "./wire.ts"

/** Two event listeners and who they work for. */
export interface Door {
  readonly upgrade: (request: Http.IncomingMessage, socket: Duplex, head: Buffer) => void
  readonly request: (request: Http.IncomingMessage, response: Http.ServerResponse) => void
  /** Bytes that clients have sent which have no answer yet. */
  readonly earlyBytes: () => number
  /** Hands clients to the handlers until the scope closes; runs `close` then. */
  readonly serve: <R>(handlers: Handlers<R>, close: Effect.Effect<void>) => Effect.Effect<void, never, R | Scope.Scope>
}

/** A closed door; it answers 503 until somebody serves. */
export const make = (options: { readonly path: string; readonly maxMessage: number }): Door => {
  let earlyBytes = 0
  let current: { readonly upgrade: (upgrade: Upgrade) => Run; readonly request: (request: Request) => Run } | undefined

  return {
    earlyBytes: () => earlyBytes,
    upgrade: (request, socket, head) => {
      socket.on("error", ignore) // its close event tells
      const wrong = malformed(request) ?? refusedTarget(request)
      if (wrong !== undefined) return refuseUpgrade(request, socket, wrong.status, wrong.why, wrong.headers)
      if (current === undefined) return refuseUpgrade(request, socket, 503, "shutting down", retryLater)
      // The client did not wait for the answer to its request before: an answer to this one would get in between.
      if (((socket as Busy)._httpMessage ?? null) !== null) return void socket.destroy()
      let accepted = false
      let response: Http.ServerResponse | undefined
      const answer: Answers = (...answer) => {
        if (accepted) return
        response ??= rawResponse(request, socket) // only who is refused needs one
        if (response !== undefined) respond(response, ...answer)
      }
      const early = watch(socket, (change) => (earlyBytes += change))
      const incoming = describe(request, answer, options.path)
      const run = current.upgrade({
        ...incoming,
        protocols: protocols(request),
        accept: (answer) =>
          Effect.suspend(() => {
            const { headers = {}, protocol = "" } = answer ?? {}
            // First, because it throws when a header cannot be sent: then the client gets a 500.
            const switching = Handshake.switching(request.headers["sec-websocket-key"] ?? "", protocol, headers)
            accepted = true
            const pending = { request, socket, head: Buffer.concat([head, ...early.stop()]) }
            return Wire.accept(pending, { protocol, switching }, options.maxMessage)
          }),
      })
      settle(run, answer, early.gone)
    },
    request: (request, response) => {
      const wrong = refusedTarget(request)
      if (wrong !== undefined) return respond(response, wrong.status, wrong.why)
      if (current === undefined) return respond(response, 503, "shutting down", retryLater)
      const answer: Answers = (...answer) => respond(response, ...answer)
      const incoming = describe(request, answer, options.path)
      const run = current.request({
        ...incoming,
        method: request.method ?? "GET",
        forward: (target) => Forward.forward(request, response, target),
      })
      settle(run, answer, (leave) => response.once("close", leave))
    },
    serve: Effect.fnUntraced(function* <R>(handlers: Handlers<R>, close: Effect.Effect<void>) {
      const fork = yield* FiberSet.makeRuntime<R, void>()
      const forkRequest = Effect.runForkWith(yield* Effect.context<R>())
      const { request = upgradeRequired, upgrade } = handlers
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          current = {
            upgrade: (it) => fork(supervised(() => upgrade(it))),
            request: (it) => forkRequest(supervised(() => request(it))),
          }
        }),
        () => {
          current = undefined
          return close
        },
      )
    }),
  }
}

/** Answers an upgrade with a status. */
export const refuseUpgrade = (request: Http.IncomingMessage, socket: Duplex, ...answer: Parameters<Answers>): void => {
  const response = rawResponse(request, socket)
  if (response !== undefined) respond(response, ...answer)
}

// Made once: a closure made in the handler would keep request and response for as long as the socket lives.
const ignore = () => {}

type Run = ReturnType<typeof Effect.runFork>

// A bug of a handler, even one that throws, is the problem of one client, and is seen.
const supervised = <R>(handle: () => Effect.Effect<void, never, R>): Effect.Effect<void, never, R> =>
  Effect.tapDefect(Effect.suspend(handle), (defect) => Effect.logError("the handler of a client died", defect))

const retryLater = { "retry-after": "1" }

/** Once; later ones do nothing. */
type Answers = (status: number, body: string | Uint8Array, headers?: Headers) => void

// Node's own field: who writes on a connection of a server now.
type Busy = Duplex & { readonly _httpMessage?: object | null }

// The handler may end without an answer: interrupted by the client's leaving or our closing, or by a bug.
const settle = (run: Run, answer: Answers, onGone: (leave: () => void) => void) => {
  onGone(() => run.interruptUnsafe())
  run.addObserver((exit) => {
    const bug = Exit.isFailure(exit) && !Exit.hasInterrupts(exit)
    if (bug) answer(500, "internal error")
    else answer(503, "shutting down", retryLater)
  })
}

const upgradeRequired = (request: Request) =>
  request.reject(426, "this port speaks WebSocket", { upgrade: "websocket", connection: "Upgrade, close" })

const describe = (request: Http.IncomingMessage, answer: Answers, path: string): Incoming => {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = typeof value === "string" ? value : value.join(", ")
  }
  return {
    path: Target.stripPrefix(path, request.url ?? "/"),
    headers,
    // A listener for both families shows IPv4 peers as IPv6 ones.
    remote: (request.socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, ""),
    // Only a TLS socket has the field.
    secure: (request.socket as Partial<TLSSocket>).encrypted === true,
    reject: (status, body, headers) => Effect.sync(() => answer(status, body, headers)),
  }
}

const respond = (response: Http.ServerResponse, status: number, body: string | Uint8Array, headers: Headers = {}) => {
  if (response.headersSent || response.destroyed) return
  const bytes = typeof body === "string" ? Buffer.from(`${body}\n`) : body
  const empty = status < 200 || status === 204 || status === 304
  response.shouldKeepAlive = false
  response.writeHead(status, {
    ...(typeof body === "string" ? { "content-type": "text/plain; charset=utf-8" } : {}),
    ...(headers as Http.OutgoingHttpHeaders), // readonly arrays are only read
    ...(empty ? {} : { "content-length": bytes.byteLength }),
  })
  response.end(empty ? undefined : bytes)
}

// Node's own response writer for a socket that the upgrade has taken from it. `undefined`: the socket has a writer already, because the
// client did not wait for the answer to its request before, and Node throws. Such a client is cut.
const rawResponse = (request: Http.IncomingMessage, socket: Duplex): Http.ServerResponse | undefined => {
  const response = new Http.ServerResponse(request)
  try {
    response.assignSocket(socket as Socket) // what Node itself passes; the types allow for other duplexes
  } catch {
    socket.destroy()
    return undefined
  }
  response.on("finish", () => {
    socket.end(() => socket.destroy())
  })
  return response
}

const refusedTarget = (request: Http.IncomingMessage) => {
  // RFC 9112 3.2: whoever routes by one of them, others may have routed by the other.
  const hosts = request.rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === "host")
  const why = hosts.length > 1 ? "a request has one `Host`" : Target.refusal(request.url ?? "")
  return why === undefined ? undefined : { status: 400, why, headers: {} }
}

/** RFC 6455 4.2.1, before anybody is dialled. */
const malformed = (request: Http.IncomingMessage) => {
  const { headers, httpVersion, method } = request
  const bad = (status: number, why: string, extra: Headers = {}) => ({ status, why, headers: extra })
  if (method !== "GET") return bad(405, "a WebSocket handshake is a GET request", { allow: "GET" })
  if (httpVersion !== "1.1" || headers.host === undefined) return bad(400, "a handshake is HTTP/1.1 and has a `Host`")
  // Announced to the upstream but never sent, it would swallow the first frames.
  if ((headers["content-length"] ?? "0") !== "0" || headers["transfer-encoding"] !== undefined) {
    return bad(400, "a WebSocket handshake has no body")
  }
  if (headers.upgrade?.toLowerCase() !== "websocket") return bad(400, "only `Upgrade: websocket` is understood")
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers["sec-websocket-key"] ?? "")) {
    return bad(400, "`Sec-WebSocket-Key` must be 16 bytes in base64")
  }
  if (headers["sec-websocket-version"] !== "13") {
    return bad(426, "only WebSocket version 13 is spoken", { "sec-websocket-version": "13" })
  }
  const offered = headers["sec-websocket-protocol"]?.split(",") ?? []
  if (
    offered.some((token) => !/^[\t ]*[!#$%&'*+\-.0-9A-Z^_`|a-z~]+[\t ]*$/.test(token)) ||
    new Set(protocols(request)).size < offered.length
  ) {
    return bad(400, "`Sec-WebSocket-Protocol` must list distinct tokens")
  }
  return undefined
}

const protocols = (request: Http.IncomingMessage) => HeaderRules.list(request.headers["sec-websocket-protocol"])

/** As much as a client may send before its handshake is answered; one read may be more. */
const earlyLimit = 4 * 1024

// A client that leaves before its answer is only seen by reading; what it sends meanwhile is kept for later. By `data` and not by
// `readable`: taking that listener off starts the flow again, whoever has paused it by then.
const watch = (socket: Duplex, book: (change: number) => void) => {
  const chunks: Array<Buffer> = []
  let size = 0
  let leave = () => {}
  const take = (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    book(chunk.length)
    if (size >= earlyLimit) socket.pause()
  }
  const release = () => {
    book(-size)
    size = 0
  }
  const left = () => leave()
  socket.on("data", take)
  socket.once("end", left)
  socket.once("close", left)
  socket.once("close", release)
  return {
    gone: (callback: () => void) => {
      leave = callback
    },
    stop: () => {
      leave = () => {}
      release()
      socket.off("data", take)
      socket.pause()
      socket.off("end", left)
      socket.off("close", left)
      socket.off("close", release)
      return chunks
    },
  }
}
