/**
 * Takes WebSocket clients in: limits, headers, a slow handshake's deadline. Whoever uses it decides, per client, before the 101 is sent.
 *
 * @since 0.1.0
 */
import type { Server } from "node:http"
import type * as Bytes from "@holdfast/core/Bytes"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Dialer from "./Dialer.ts"
import * as HttpServer from "./internal/httpServer.ts"
import type { ListenError } from "./internal/listenError.ts"
import type * as Transport from "./Transport.ts"

export { ListenError } from "./internal/listenError.ts"

/** What every request of a client has. */
export interface Incoming {
  /** Path and query below the acceptor's own path; absolute and `//` targets and `..` never get here. */
  readonly path: string
  /** Names in lower case; repeated ones joined as HTTP allows. */
  readonly headers: Readonly<Record<string, string>>
  /** The peer's address. */
  readonly remote: string
  /** Whether it came over TLS. */
  readonly secure: boolean
  /** Answers with a status and a short text, or the bytes given. Once is enough: later answers do nothing. */
  readonly reject: (status: number, body: string | Uint8Array, headers?: Transport.Headers) => Effect.Effect<void>
}

/** A client that is waiting for its answer. */
export interface Upgrade extends Incoming {
  /** The subprotocols it offers, in its order. */
  readonly protocols: ReadonlyArray<string>
  /** Answers 101; the socket is cut when the scope closes. */
  readonly accept: (answer?: {
    readonly protocol?: string | undefined
    readonly headers?: Transport.Headers | undefined
  }) => Effect.Effect<Transport.Transport, Transport.TransportError, Scope.Scope>
}

/** A plain HTTP request below the path. */
export interface Request extends Incoming {
  readonly method: string
  /** Sends it on, streaming both ways, and answers with what comes back. Completes when the answer has been passed on. */
  readonly forward: (target: {
    readonly url: string
    readonly headers: Transport.Headers
    /** For the answer: which headers go back. */
    readonly answerHeaders: (headers: Transport.Headers) => Transport.Headers
    readonly connectTimeout: Duration.Input
    /** When nothing moves for this long before there is an answer, there will be none. */
    readonly answerTimeout: Duration.Input
    readonly tls?: Dialer.Tls | undefined
  }) => Effect.Effect<void, Transport.TransportError>
}

/** What to do with clients. */
export interface Handlers<R> {
  readonly upgrade: (upgrade: Upgrade) => Effect.Effect<void, never, R>
  /** Default: 426. */
  readonly request?: ((request: Request) => Effect.Effect<void, never, R>) | undefined
}

/** The server's side of TLS, as PEM. */
export interface Tls {
  readonly cert: string
  readonly key: Redacted.Redacted<string>
  /** Clients must show a certificate of one of these authorities. Default: no client certificates. */
  readonly clientCa?: string | undefined
}

/** Where clients come from. */
export class Acceptor extends Context.Service<
  Acceptor,
  {
    /** Bound address, for instance `"127.0.0.1:8080"`; the path for one on somebody else's server. */
    readonly address: string
    /** Larger messages end with 1009, in bytes. */
    readonly maxMessage: number
    /** Bytes that clients have sent which have no answer yet. */
    readonly earlyBytes: () => number
    /**
     * Handles every client in a fiber of its own, interrupted when the client leaves before its answer. Once the scope closes
     * nobody new is let in, and handshakes under way get 503; plain requests under way go on, and are the handler's to end.
     */
    readonly serve: <R>(handlers: Handlers<R>) => Effect.Effect<void, never, R | Scope.Scope>
    /** Shows this certificate from the next connection on. */
    readonly replaceTls: (tls: Tls) => Effect.Effect<void, ListenError>
  }
>()("@holdfast/websocket/Acceptor") {}

/** Limits of the front door. */
export interface Limits {
  /** Time for a client to send its request's headers. Default `"10 seconds"`. */
  readonly handshakeTimeout?: Duration.Input | undefined
  /** Larger headers get 431. Default `"16KiB"`. */
  readonly headerBytes?: Bytes.Input | undefined
  /** Larger messages end with 1009. Default `"16MiB"`. */
  readonly maxMessage?: Bytes.Input | undefined
}

/** A front door of its own. */
export interface ListenOptions extends Limits {
  /** `HOST:PORT`; port 0 takes a free one. Default `"127.0.0.1:0"`. */
  readonly listen?: string | undefined
  /** Default: plain `ws://`. */
  readonly tls?: Tls | undefined
}

/** Listens on its own port. */
export const layer = (options: ListenOptions = {}): Layer.Layer<Acceptor, ListenError> =>
  Layer.effect(Acceptor, HttpServer.listen(options))

/**
 * Takes upgrades and requests of `path` (default `"/"`) and below from your own server, before any other listener sees them.
 * Header size and time are your server's own settings.
 */
export const layerServer = (
  server: () => Server,
  options: Pick<Limits, "maxMessage"> & { readonly path?: string | undefined } = {},
): Layer.Layer<Acceptor> => Layer.effect(Acceptor, HttpServer.join(server, options))
