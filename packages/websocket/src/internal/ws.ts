/**
 * Platform file: the only place that touches the `ws` library. Dials and accepts, and hands out transports.
 */
import type * as Http from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import * as Entropy from "@holdfast/core/Entropy"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import WebSocket, { WebSocketServer } from "ws"
import type { Target } from "../Dialer.ts"
import { Gone, type Headers, Refused, type Transport, TransportError, Unreachable } from "../Transport.ts"
import * as SocketTransport from "./socketTransport.ts"
import * as Wheel from "./wheel.ts"

/** Browsers' DevTools send screenshots of several MiB; far more is a mistake or an attack. In bytes. */
const defaultMaxMessage = 16 * 1024 * 1024
const bodyLimit = 64 * 1024

/** A peer that closes the WebSocket but keeps the TCP connection is cut after this, in milliseconds. */
const closeTimeout = 10_000

/** TCP keepalive starts after this much silence, in milliseconds; Node then probes ten times, a second apart. */
const keepAlive = 30_000

const shared = { perMessageDeflate: false, closeTimeout, maxFragments: 16_384, maxBufferedChunks: 262_144 } as const

/** Opens a WebSocket that is cut when the scope closes. */
export const dial = Effect.fnUntraced(function* (
  target: Target,
): Effect.fn.Return<Transport, TransportError, Scope.Scope> {
  const url = new URL(target.url)
  const dialled = yield* owned(() => open(target, url))
  const context = yield* Effect.context<never>()
  return yield* Effect.callback<Transport, TransportError>((resume) =>
    await101(dialled, target, url, (opened) => resume(Effect.map(opened, (about) => wrap(about, context)))),
  )
})

/** A socket that is cut when the scope closes. `Effect.acquireRelease` would keep all that was needed to make it, as long as it lives. */
const owned = <A extends { readonly socket: WebSocket | undefined }>(
  make: () => A,
): Effect.Effect<A, never, Scope.Scope> =>
  Effect.uninterruptible(
    Effect.flatMap(Effect.scope, (scope) => {
      const made = make()
      return Effect.as(Scope.addFinalizerExit(scope, cutting(made.socket)), made)
    }),
  )

// It is done when it returns, so that who closes the scope needs no fiber for it.
const cutting = (socket: WebSocket | undefined) => () => {
  socket?.terminate()
  return Effect.void
}

interface Dialled {
  readonly socket: WebSocket
  /** `terminate` during the handshake raises an error event; nobody may be listening by then. */
  readonly failure: { current: Error | undefined; readonly remember: (error: Error) => void }
}

const open = (target: Target, url: URL): Dialled => {
  const { protocols = [], tls } = target
  const headers: Record<string, string | Array<string>> = {}
  for (const [name, value] of Object.entries(target.headers ?? {})) {
    headers[name] = typeof value === "string" ? value : [...value]
  }
  // `ws` would insist on one of the offered subprotocols; the peer's real answer is for the one behind us to judge.
  if (protocols.length > 0) headers["sec-websocket-protocol"] = protocols.join(", ")
  const socket = new WebSocket(url.origin, {
    ...shared,
    headers,
    maxPayload: target.maxMessage ?? defaultMaxMessage,
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls?.key === undefined ? {} : { key: Redacted.value(tls.key) }),
    finishRequest: (request) => {
      request.path = requestTarget(target.url)
      request.end()
    },
  })
  const failure: Dialled["failure"] = { current: undefined, remember: (error) => (failure.current ??= error) }
  socket.on("error", failure.remember)
  return { socket, failure }
}

// As written: the URL parser would re-encode it, and a proxy must not.
const requestTarget = (url: string): string => {
  const rest = url.replace(/^[^/]*\/\/[^/?]*/, "")
  return rest.startsWith("/") ? rest : `/${rest}`
}

const await101 = (
  { failure, socket }: Dialled,
  target: Target,
  url: URL,
  resume: (effect: Effect.Effect<Opened, TransportError>) => void,
) => {
  let answer: Http.IncomingMessage | undefined
  let protocol = ""
  // What listens to a handshake keeps all of it, and an open socket is to keep none.
  const settle = (effect: Effect.Effect<Opened, TransportError>) => {
    for (const [event, listener] of Object.entries(listeners)) socket.off(event, listener)
    socket.on("error", ignore) // told by its close event
    socket.off("error", failure.remember)
    resume(effect)
  }
  const fail = (reason: TransportError["reason"]) => settle(Effect.fail(new TransportError({ reason })))

  const listeners = {
    upgrade: (response: Http.IncomingMessage) => {
      answer = response
      protocol = response.headers["sec-websocket-protocol"] ?? ""
      delete response.headers["sec-websocket-protocol"]
    },
    "unexpected-response": (request: Http.ClientRequest, response: Http.IncomingMessage) => {
      const status = response.statusCode ?? 0
      if (!isFinal(status)) {
        fail(new Unreachable({ target: url.origin, kind: "protocol", why: `it answered with status ${status}` }))
        return request.destroy()
      }
      readBody(response, (body) => {
        fail(new Refused({ target: url.origin, status, headers: headersOf(response), body }))
        request.destroy()
      })
    },
    open: () => {
      socket.pause()
      if (protocol !== "" && !(target.protocols ?? []).includes(protocol)) {
        const why = `it chose the subprotocol ${JSON.stringify(protocol)}, which was not offered`
        socket.terminate()
        return fail(new Unreachable({ target: url.origin, kind: "protocol", why }))
      }
      settle(Effect.succeed({ socket, protocol, headers: headersOf(answer) }))
    },
    close: () => fail(unreachable(url.origin, failure.current)),
  }
  for (const [event, listener] of Object.entries(listeners)) socket.on(event, listener)
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
export const headersOf = (message: Http.IncomingMessage | undefined): Headers => {
  const headers: Record<string, string | ReadonlyArray<string>> = {}
  for (const [name, value] of Object.entries(message?.headers ?? {})) if (value !== undefined) headers[name] = value
  return headers
}

/** Why there is no connection, from Node's error. */
export const unreachable = (target: string, error: (Error & { readonly code?: string }) | undefined): Unreachable => {
  const code = error?.code ?? ""
  return new Unreachable({ target, kind: kindOf(code), why: error?.message || code || "it hung up" })
}

const kindOf = (code: string): Unreachable["kind"] => {
  if (code === "ECONNREFUSED") return "refused"
  if (code === "ETIMEDOUT") return "timeout"
  if (code === "ECONNRESET" || code === "EPIPE") return "reset"
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "dns"
  if (/^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|EPROTO)/.test(code)) return "tls"
  return code === "" || code.startsWith("HPE_") ? "protocol" : "other"
}

/** A handshake that is over. */
interface Opened {
  readonly socket: WebSocket
  readonly protocol: string
  readonly headers: Headers
}

const wrap = (opened: Opened, context: Context.Context<never>): Transport => {
  const about = new About(opened, context)
  return SocketTransport.make(opened.socket, about)
}

// `ws` keeps these in private fields; without them everything works, uncorked, with coarser progress, and unfinished messages uncounted.
class About implements SocketTransport.About {
  readonly protocol: string
  readonly headers: Headers
  readonly #socket: WebSocket
  readonly #raw: Raw | undefined
  readonly #clock: Clock.Clock
  readonly #entropy: typeof Entropy.Entropy.Service
  #corked = false

  constructor({ headers, protocol, socket }: Opened, context: Context.Context<never>) {
    this.protocol = protocol
    this.headers = headers
    this.#socket = socket
    this.#raw = (socket as unknown as Inner)._socket
    this.#clock = Context.get(context, Clock.Clock)
    this.#entropy = Context.get(context, Entropy.Entropy)
    // A peer whose network is gone says nothing, for ever; the operating systems ask each other.
    this.#raw?.setKeepAlive(true, keepAlive)
  }

  get nonce(): number {
    const random = this.#entropy.bytes(4)
    return new DataView(random.buffer, random.byteOffset).getUint32(0)
  }

  now(): number {
    return Wheel.millis(this.#clock)
  }

  cork(): void {
    if (this.#corked || this.#raw === undefined) return
    this.#corked = true
    this.#raw.cork()
    process.nextTick(uncork, this)
  }

  uncork(): void {
    this.#corked = false
    this.#raw?.uncork()
  }

  unsentBytes(): number {
    const raw = this.#raw
    const writing = raw?._writableState?.writelen ?? 0
    return this.#socket.bufferedAmount - writing + Math.min(writing, raw?._handle?.writeQueueSize ?? writing)
  }

  flush(done: () => void): void {
    this.#raw?.write("", () => done())
  }

  heardBytes(): number {
    return this.#raw?.bytesRead ?? 0
  }

  onRead(callback: (unfinished: number) => void): void {
    const { _receiver: receiver } = this.#socket as unknown as Inner
    this.#raw?.on("data", () => callback(unfinishedIn(receiver)))
  }
}

const uncork = (of: About) => of.uncork()

interface Inner {
  readonly _socket?: Raw
  readonly _receiver?: Receiver
}

interface Receiver {
  readonly _bufferedBytes?: number
  readonly _messageLength?: number
  readonly _fragments?: ReadonlyArray<unknown>
}

/** Bytes that a Buffer costs beside its content; `ws` keeps one for each fragment. */
const perFragment = 192

const unfinishedIn = (receiver: Receiver = {}): number => {
  const { _bufferedBytes: bytes = 0, _fragments: fragments = [], _messageLength: length = 0 } = receiver
  return bytes + length + perFragment * fragments.length
}

// The stream counts a write as a whole until it is finished; libuv's own count falls while a large one makes progress.
type Raw = Socket & {
  readonly _writableState?: { readonly writelen?: number }
  readonly _handle?: { readonly writeQueueSize: number } | null
}

const ignore = () => {}

/** What to say in the 101. */
export interface Answer {
  readonly protocol: string
  readonly headers: Headers
}

/** A client's upgrade request, with its socket. */
export interface Pending {
  readonly request: Http.IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

/** Completes handshakes whose answer is known. */
export interface Accepting {
  readonly accept: (pending: Pending, answer: Answer) => Effect.Effect<Transport, TransportError, Scope.Scope>
}

/** One per acceptor. */
export const makeAccepting = (options: { readonly maxMessage: number }): Accepting => {
  const answers = new WeakMap<Http.IncomingMessage, Answer>()
  const server = new WebSocketServer({
    ...shared,
    noServer: true,
    clientTracking: false,
    maxPayload: options.maxMessage,
    handleProtocols: (_, request) => answers.get(request)?.protocol || false,
  })
  server.on("headers", (lines, request) => {
    for (const [name, value] of Object.entries(answers.get(request)?.headers ?? {})) {
      for (const one of typeof value === "string" ? [value] : value) lines.push(`${name}: ${one}`)
    }
  })

  const complete = ({ head, request, socket }: Pending, answer: Answer) => {
    let accepted: WebSocket | undefined
    answers.set(request, answer)
    // Node reads header bytes as latin1; written the same way they are what they were.
    socket.setDefaultEncoding("latin1")
    server.handleUpgrade(request, socket, head, (opened) => {
      opened.pause()
      opened.on("error", ignore) // told by its close event
      accepted = opened
    })
    socket.setDefaultEncoding("utf8")
    return accepted
  }

  return {
    accept: Effect.fnUntraced(function* (pending, answer) {
      const { socket } = yield* owned(() => ({ socket: complete(pending, answer) }))
      if (socket === undefined) return yield* new TransportError({ reason: new Gone({ target: "the client" }) })
      const { protocol } = answer
      return wrap({ socket, protocol, headers: headersOf(pending.request) }, yield* Effect.context<never>())
    }),
  }
}
