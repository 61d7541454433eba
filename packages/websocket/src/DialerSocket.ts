/**
 * Dials with WebSockets of somebody else: those of a simulated network, or of `ws` with an agent of your own. Clients and proxies then
 * live on that network. Less is known of such sockets, so big writes and unfinished messages make progress all at once.
 *
 * @since 0.1.0
 */
import * as Entropy from "@holdfast/core/Entropy"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Dialer, type Target } from "./Dialer.ts"
import * as SocketTransport from "./internal/socketTransport.ts"
import { unreachable } from "./internal/unreachable.ts"
import { type Headers, Refused, type Transport, TransportError } from "./Transport.ts"

/** An answer to a handshake. */
interface Answer {
  readonly statusCode?: number | undefined
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown
  on(event: "close", listener: () => void): unknown
}

/** The part of a `ws` WebSocket that is used. */
export type WebSocketLike = SocketTransport.SocketLike & {
  readonly protocol: string
  on(event: "open", listener: () => void): unknown
  on(event: "upgrade", listener: (answer: Pick<Answer, "headers">) => void): unknown
  on(event: "unexpected-response", listener: (request: { destroy(): unknown }, answer: Answer) => void): unknown
}

/** What `new WebSocket(url, protocols, options)` gives. */
export type Dial = (
  url: string,
  protocols: Array<string>,
  options: { readonly headers: Record<string, string>; readonly maxPayload: number },
) => WebSocketLike

/** Every dial goes through this one, which knows nothing of the `tls` of a target. */
export const layer = (dial: Dial): Layer.Layer<never> => Layer.succeed(Dialer, { dial: (target) => open(dial, target) })

const open = Effect.fnUntraced(function* (
  dial: Dial,
  target: Target,
): Effect.fn.Return<Transport, TransportError, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const { outcome } = yield* Effect.acquireRelease(
    Effect.sync(() => shake(dial, target, context)),
    ({ socket }) => Effect.sync(() => socket.terminate()),
  )
  return yield* Deferred.await(outcome)
})

// In one go: between two operations of a fiber there is time for all that a socket may tell.
const shake = (
  dial: Dial,
  { headers = {}, maxMessage = 16 * 1024 * 1024, protocols = [], url }: Target,
  context: Context.Context<never>,
) => {
  const outcome = Deferred.makeUnsafe<Transport, TransportError>()
  const fail = (reason: TransportError["reason"]) =>
    void Deferred.doneUnsafe(outcome, Effect.fail(new TransportError({ reason })))
  const target = new URL(url).origin
  const socket = dial(url, [...protocols], { headers: flat(headers), maxPayload: maxMessage })
  const counted = new Counted(socket)
  let answered: Headers = {}
  let failure: (Error & { readonly code?: string }) | undefined
  socket.on("error", (error) => (failure ??= error))
  socket.on("upgrade", (answer) => (answered = known(answer)))
  socket.on("unexpected-response", (request, answer) => {
    const chunks: Array<Uint8Array> = []
    answer.on("data", (chunk) => chunks.push(chunk))
    answer.on("close", () => {
      const body = Buffer.concat(chunks).subarray(0, bodyLimit)
      fail(new Refused({ target, status: answer.statusCode ?? 0, headers: known(answer), body }))
      request.destroy()
    })
  })
  socket.on("close", () => fail(unreachable(target, failure)))
  socket.on("open", () => {
    socket.pause()
    const transport = SocketTransport.make(counted, counted.about(answered, context))
    Deferred.doneUnsafe(outcome, Effect.succeed(transport))
  })
  return { socket, outcome }
}

const bodyLimit = 64 * 1024

const flat = (headers: Headers): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : value.join(", ")]),
  )

const known = ({ headers }: Pick<Answer, "headers">): Headers =>
  Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))

/** Counts what such a socket does not tell: bytes received, and writes that are under way. */
class Counted implements SocketTransport.SocketLike {
  readonly inner: WebSocketLike
  readonly on: SocketTransport.SocketLike["on"]
  #heard = 0
  #writing = 0
  #waiting: Array<() => void> = []

  constructor(inner: WebSocketLike) {
    this.inner = inner
    this.on = inner.on.bind(inner)
    inner.on("message", (data) => this.#hear(Array.isArray(data) ? Buffer.concat(data).length : data.byteLength))
    inner.on("ping", (data) => this.#hear(data.length))
    inner.on("pong", (data) => this.#hear(data.length))
  }

  get readyState(): number {
    return this.inner.readyState
  }
  get bufferedAmount(): number {
    return this.inner.bufferedAmount
  }
  send(data: Uint8Array, options: { readonly binary: boolean }, done?: (error?: Error | null) => void): void {
    this.#writing++
    this.inner.send(data, options, (error) => {
      this.#writing--
      done?.(error)
      if (this.#writing === 0) for (const waiting of this.#waiting.splice(0)) waiting()
    })
  }
  ping(data: Uint8Array): void {
    this.inner.ping(data)
  }
  pause(): void {
    this.inner.pause()
  }
  resume(): void {
    this.inner.resume()
  }
  close(code?: number, reason?: string): void {
    this.inner.close(code, reason)
  }
  terminate(): void {
    this.inner.terminate()
  }

  about(headers: Headers, context: Context.Context<never>): SocketTransport.About {
    const clock = Context.get(context, Clock.Clock)
    const random = Context.get(context, Entropy.Entropy).bytes(4)
    return {
      protocol: this.inner.protocol,
      headers,
      cork: () => {},
      unsentBytes: () => this.bufferedAmount,
      heardBytes: () => this.#heard,
      onRead: () => {},
      now: () => clock.currentTimeMillisUnsafe(),
      nonce: new DataView(random.buffer, random.byteOffset).getUint32(0),
      flush: (done) => void (this.#writing === 0 ? done() : this.#waiting.push(done)),
    }
  }

  // A frame has a head, so that an empty one is a sign of life, too.
  #hear(bytes: number): void {
    this.#heard += bytes + 2
  }
}
