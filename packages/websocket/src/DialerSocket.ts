/**
 * Dials with WebSockets of somebody else: those of a simulated network, or of `ws` with options of your own. Everything that goes through
 * the `Dialer`, clients and proxies alike, then lives on that network.
 *
 * @since 0.1.0
 */
import * as Entropy from "@holdfast/core/Entropy"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Dialer, type Target } from "./Dialer.ts"
import * as SocketTransport from "./internal/socketTransport.ts"
import { type Headers, Refused, type Transport, TransportError, Unreachable } from "./Transport.ts"

/** The part of a `ws` WebSocket that is used. What is optional only a simulated one can tell; without it progress is coarser. */
export interface WebSocketLike {
  readonly readyState: number
  readonly protocol: string
  readonly bufferedAmount: number
  /** Bytes received so far, of any kind. */
  readonly heard?: number
  send(data: Uint8Array, options: { readonly binary: boolean }, done?: (error?: Error | null) => void): void
  ping(data: Uint8Array): void
  pause(): void
  resume(): void
  close(code?: number, reason?: string): void
  terminate(): void
  on(event: string, listener: (...args: Array<never>) => void): unknown
}

/** What `new WebSocket(url, protocols, options)` would give. */
export type Dial = (
  url: string,
  protocols: ReadonlyArray<string>,
  options: { readonly headers: Readonly<Record<string, string>>; readonly maxPayload: number },
) => WebSocketLike

/** Every dial goes through this one; `tls` of a target means nothing to it. */
export const layer = (dial: Dial): Layer.Layer<never> =>
  Layer.succeed(Dialer, { dial: (target: Target) => dialling(dial, target) })

const dialling = Effect.fnUntraced(function* (
  dial: Dial,
  { headers = {}, maxMessage = 16 * 1024 * 1024, protocols = [], url }: Target,
): Effect.fn.Return<Transport, TransportError, Scope.Scope> {
  const flat = Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : value.join(", ")])
  const context = yield* Effect.context<never>()
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => dial(url, protocols, { headers: Object.fromEntries(flat), maxPayload: maxMessage })),
    (socket) => Effect.sync(() => socket.terminate()),
  )
  return yield* Effect.callback<Transport, TransportError>((resume) => {
    const target = new URL(url).origin
    const fail = (reason: TransportError["reason"]) => resume(Effect.fail(new TransportError({ reason })))
    let answer: Headers = {}
    let failure: (Error & { readonly code?: string }) | undefined
    socket.on("error", (error: Error) => (failure ??= error))
    socket.on("upgrade", (response: Answer) => (answer = response.headers))
    socket.on("unexpected-response", (request: { readonly destroy: () => void }, response: Answer) => {
      const chunks: Array<Uint8Array> = []
      response.on("data", (chunk: Uint8Array) => void chunks.push(chunk))
      response.on("close", () => {
        const body = joined(chunks)
        fail(new Refused({ target, status: response.statusCode, headers: response.headers, body }))
        request.destroy()
      })
    })
    socket.on("close", () => fail(unreachable(target, failure)))
    socket.on("open", () => {
      socket.pause()
      resume(Effect.succeed(SocketTransport.make(socket, new About(socket, answer, context))))
    })
  })
})

interface Answer {
  readonly statusCode: number
  readonly headers: Headers
  on(event: string, listener: (...args: Array<never>) => void): unknown
}
