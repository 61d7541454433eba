/**
 * Platform file: opens connections and completes handshakes, with sockets of Node. What comes after that is `FrameSocket`.
 */
import * as Http from "node:http"
import * as Net from "node:net"
import { Duplex } from "node:stream"
import * as Tls from "node:tls"
import * as Entropy from "@holdfast/core/Entropy"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type { Target } from "../Dialer.ts"
import { Gone, type Headers, Refused, type Transport, TransportError, Unreachable } from "../Transport.ts"
import { FrameSocket, type Opened } from "./frameSocket.ts"
import * as Handshake from "./handshake.ts"
import * as SocketTransport from "./socketTransport.ts"
import { unreachable } from "./unreachable.ts"

/** Browsers' DevTools send screenshots of several MiB; far more is a mistake or an attack. In bytes. */
const defaultMaxMessage = 16 * 1024 * 1024

/** Bytes of a head, and of the body of a refusal. */
const [headLimit, bodyLimit] = [16 * 1024, 64 * 1024]

/** Opens a WebSocket that is cut when the scope closes. */
export const dial = (target: Target): Effect.Effect<Transport, TransportError, Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Scope.Scope>) =>
    Effect.flatMap(
      owned(() => connect(target, Context.get(context, Entropy.Entropy))),
      (connecting) =>
        Effect.callback((resume) =>
          shake(connecting, target, (opened) => resume(Effect.map(opened, (about) => wrap(about, context)))),
        ),
    ),
  )

/** A socket that is cut when the scope closes. `Effect.acquireRelease` would keep all that was needed to make it, as long as it lives. */
const owned = <A extends { readonly socket: Net.Socket }>(make: () => A): Effect.Effect<A, never, Scope.Scope> =>
  Effect.uninterruptible(
    Effect.flatMap(Effect.scope, (scope) => {
      const made = make()
      return Effect.as(Scope.addFinalizerExit(scope, cutting(made.socket)), made)
    }),
  )

// It is done when it returns, so that who closes the scope needs no fiber for it.
const cutting = (socket: Net.Socket) => () => {
  socket.destroy()
  return Effect.void
}

const wrap = (opened: Opened, context: Context.Context<never>): Transport =>
  SocketTransport.over(new FrameSocket(opened, context))

interface Connecting {
  readonly socket: Net.Socket
  readonly origin: string
  readonly key: string
  readonly request: string
}

const connect = (
  { headers = {}, protocols = [], tls, url: written }: Target,
  entropy: typeof Entropy.Entropy.Service,
): Connecting => {
  const url = new URL(written)
  const secure = url.protocol === "wss:"
  if (!secure && url.protocol !== "ws:") throw new SyntaxError(`expected a ws:// or wss:// URL, got ${url.origin}`)
  const host = url.hostname.replace(/^\[|\]$/g, "")
  const key = Buffer.from(entropy.bytes(16)).toString("base64")
  const request = Handshake.request({ host: url.host, target: requestTarget(written, url), key, protocols, headers })
  const to = { host, port: Number(url.port || (secure ? 443 : 80)), noDelay: true }
  const socket = secure
    ? Tls.connect({
        ...to,
        servername: Net.isIP(host) === 0 ? host : "",
        ALPNProtocols: ["http/1.1"],
        ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
        ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
        ...(tls?.key === undefined ? {} : { key: Redacted.value(tls.key) }),
      })
    : Net.connect(to)
  socket.on("error", ignore) // until somebody listens
  return { socket, origin: url.origin, key, request }
}

// As written: the URL parser would re-encode it, and a proxy must not. Unless the parser reads it differently, or it would end the
// line that it stands in.
const requestTarget = (written: string, url: URL): string => {
  const rest = /^wss?:\/\/[^/?#\\]+([/?][\x21\x22\x24-\x7e\x80-\xff]*)$/i.exec(written)?.[1]
  if (rest === undefined) return url.pathname + url.search
  return rest.startsWith("/") ? rest : `/${rest}`
}

// Asks, and reads the answer as far as it is about the handshake.
const shake = (
  { key, origin, request, socket }: Connecting,
  { maxMessage = defaultMaxMessage, protocols = [] }: Target,
  resume: (opened: Effect.Effect<Opened, TransportError>) => void,
) => {
  let early: Buffer = Buffer.alloc(0)
  let failure: Error | undefined
  const settle = (effect: Effect.Effect<Opened, TransportError>) => {
    for (const [event, listener] of Object.entries(listeners)) socket.off(event, listener)
    resume(effect)
  }
  const fail = (reason: TransportError["reason"]) => settle(Effect.fail(new TransportError({ reason })))
  const refuse = (why: string) => {
    fail(new Unreachable({ target: origin, kind: "protocol", why }))
    socket.destroy()
  }

  const look = () => {
    while (Handshake.isInformational(early)) {
      const head = Handshake.head(early)
      if ((head?.size ?? early.length) > headLimit) {
        return refuse(`the head of its answer is larger than ${headLimit} bytes`)
      }
      if (head === undefined) return
      const rest = early.subarray(head.size)
      if (head.status === 101) {
        if (head.headers === undefined) return refuse("the headers of its 101 cannot be read")
        const wrong = Handshake.refusal(head.headers, key, protocols)
        return wrong === undefined ? open(head.headers, rest) : refuse(wrong)
      }
      if (Number.isNaN(head.status)) return refuse("it does not answer in HTTP/1.1")
      early = rest // what comes after a 100 or 103 is the answer
    }
    settle(
      Effect.callback((answered) =>
        readRefusal(socket, early, origin, (reason) => {
          answered(Effect.fail(new TransportError({ reason })))
          socket.destroy()
        }),
      ),
    )
  }
  const open = (headers: Headers, rest: Buffer) => {
    socket.pause()
    if (rest.length > 0) socket.unshift(rest)
    const { "sec-websocket-protocol": protocol = "", ...others } = headers
    settle(Effect.succeed({ socket, protocol: protocol as string, headers: others, client: true, maxMessage }))
  }

  const listeners = {
    data: (chunk: Buffer) => {
      early = early.length === 0 ? chunk : Buffer.concat([early, chunk])
      look()
    },
    error: (error: Error) => {
      failure ??= error
    },
    close: () => fail(unreachable(origin, failure)),
  }
  for (const [event, listener] of Object.entries(listeners)) socket.on(event, listener)
  socket.write(request, "latin1")
}

// Anything but a 101 is plain HTTP, which Node's own client reads: from a connection on which nothing more is asked.
const readRefusal = (
  socket: Net.Socket,
  early: Buffer,
  origin: string,
  done: (reason: TransportError["reason"]) => void,
) => {
  const answering = new Duplex({ read: () => void socket.resume(), write: (_, __, next) => next() })
  let failure: Error | undefined
  answering.push(early)
  socket.on("data", (chunk: Buffer) => {
    if (!answering.push(chunk)) socket.pause()
  })
  socket.on("error", (error) => (failure ??= error))
  socket.on("end", () => answering.push(null))
  socket.on("close", () => answering.destroy(failure))
  const request = Http.request({ createConnection: () => answering })
  request.on("error", (error) => done(unreachable(origin, failure ?? error)))
  request.on("upgrade", () => {
    done(new Unreachable({ target: origin, kind: "protocol", why: "its 101 is not of HTTP/1.1" }))
  })
  request.on("response", (response) => {
    const status = response.statusCode ?? 0
    if (!isFinal(status)) {
      return done(new Unreachable({ target: origin, kind: "protocol", why: `it answered with status ${status}` }))
    }
    readBody(response, (body) => done(new Refused({ target: origin, status, headers: headersOf(response), body })))
  })
  request.end()
}

const readBody = (response: Http.IncomingMessage, done: (body: Uint8Array) => void) => {
  const chunks: Array<Buffer> = []
  let size = 0
  response.on("data", (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    if (size >= bodyLimit) response.destroy()
  })
  response.on("error", () => {}) // what came so far is the answer; "close" follows
  response.on("close", () => done(Buffer.concat(chunks).subarray(0, bodyLimit)))
}

/** Whether it may stand in an answer; Node's parser lets `099` pass, its writer throws. */
export const isFinal = (status: number): boolean => status >= 200 && status <= 999

/** As Node parsed them. */
export const headersOf = (message: Http.IncomingMessage): Headers => {
  const headers: Record<string, string | ReadonlyArray<string>> = {}
  for (const [name, value] of Object.entries(message.headers)) if (value !== undefined) headers[name] = value
  return headers
}

const ignore = () => {}

/** A client's upgrade request, with its socket. */
export interface Pending {
  readonly request: Http.IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

/** What to say. */
export interface Answer {
  readonly protocol: string
  /** All of the 101. */
  readonly switching: string
}

/** Completes the handshake of a request that has been looked at; the socket is cut when the scope closes. */
export const accept = (
  { head, request, socket: taken }: Pending,
  { protocol, switching }: Answer,
  maxMessage: number,
): Effect.Effect<Transport, TransportError, Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Scope.Scope>) => {
    const socket = taken as Net.Socket // what Node itself passes; the types allow for other duplexes
    if (!socket.readable || !socket.writable) {
      socket.destroy()
      return Effect.fail(new TransportError({ reason: new Gone({ target: "the client" }) }))
    }
    return Effect.map(
      owned(() => {
        socket.setTimeout(0)
        socket.setNoDelay() // a server that is not ours may have it otherwise
        if (head.length > 0) socket.unshift(head)
        socket.write(switching, "latin1")
        return { socket, protocol, headers: headersOf(request), client: false, maxMessage }
      }),
      (opened) => wrap(opened, context),
    )
  })
