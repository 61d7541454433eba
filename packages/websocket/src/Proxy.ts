/**
 * The WebSocket proxy as a Layer: each client gets an upstream of its own, and both get the real answers of the other.
 * The upstream is dialled before the client's 101, so status, cookies and subprotocol are those of the upstream.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Acceptor, type Incoming } from "./Acceptor.ts"
import type * as Dialer from "./Dialer.ts"
import * as Serve from "./internal/proxy.ts"

export { isSecure, isUpstream, nameOf } from "./internal/upstream.ts"

/** Say no to a client: the status it gets, from 400 to 599, and a short text. */
export class Rejected extends Data.TaggedError("Rejected")<{
  readonly status: number
  readonly why: string
}> {
  override get message(): string {
    return `rejected with status ${this.status}: ${this.why}`
  }
}

/** How to proxy. Plain data but for the hook, so that a config file decodes to it. */
export interface Options<R = never> {
  /** `ws:` or `wss:` origin and base path; the client adds path and query, never a host. */
  readonly upstream: string
  /** Asked before the upstream is dialled, and before plain HTTP is forwarded; the answer names who it is. Default: everyone. */
  readonly authorize?: ((client: Incoming) => Effect.Effect<string, Rejected, R>) | undefined
  /** Time for the upstream to answer; later is 504, or 503 when all `maxDials` were busy. Default `"10 seconds"`. */
  readonly handshakeTimeout?: Duration.Input | undefined
  /** Sessions at a time, with those still dialling and forwarded requests. Beyond it: 503 with `Retry-After`. Default `10000`. */
  readonly maxSessions?: number | undefined
  /** Upstreams dialled at a time; the others queue. Default `64`. */
  readonly maxDials?: number | undefined
  /** Plain HTTP on the acceptor: 426, or on to the upstream's origin. Default `"refuse"`. */
  readonly http?: "refuse" | "forward" | undefined
  /** With `"forward"`: an upstream from which nothing comes for this long, before it answers, is 504. Default `"1 minute"`. */
  readonly httpTimeout?: Duration.Input | undefined
  /** Append `x-forwarded-for`, `-proto` and `-host`. Default `true`. */
  readonly forwarded?: boolean | undefined
  /** TLS to the upstream. Default: the system's authorities, no certificate of our own. */
  readonly upstreamTls?: Dialer.Tls | undefined
  /** Closing the scope says goodbye to the sessions over half of this, and cuts the rest at its end. Default `"10 seconds"`. */
  readonly drainTimeout?: Duration.Input | undefined
}

/** Proxies the clients of an `Acceptor` until the scope closes; then it drains. A bad `upstream` is a defect. */
export const layer = <R = never>(options: Options<R>): Layer.Layer<never, never, Acceptor | R> =>
  Layer.effectDiscard(Serve.serve(options))
