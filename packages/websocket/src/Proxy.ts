/**
 * The reconnecting WebSocket proxy as a Layer. Clients and upstreams may vanish and come back; plain peers need no library, and what
 * may have been lost is counted and reported, never guessed. It cannot make delivery exactly-once: see `uncertain`.
 *
 * @since 0.1.0
 */
import type * as Bytes from "@holdfast/core/Bytes"
import * as EventSchema from "@holdfast/core/EventSchema"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
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

/** The loss receipt: an outage of one hop is over, one way or the other, and this became of the messages towards it. */
export const Receipt = EventSchema.define("Receipt", {
  session: Schema.String,
  /** Who was away. */
  hop: Schema.Literals(["client", "upstream"]),
  /** Whether somebody came back; otherwise the session ended. */
  back: Schema.Boolean,
  awayMillis: Schema.Number,
  /** Attempts to reach it; 0 for a client, which dials itself. */
  dials: Schema.Int,
  /** Messages that waited for it and went out when it was back. */
  held: Schema.Int,
  /** Messages that waited for it and never went out. */
  lost: Schema.Int,
  /** Messages sent to it and not confirmed when it was lost. */
  uncertain: Schema.Int,
  /** The sequence numbers of those, from 1 per session and direction; `null` for none. */
  range: Schema.NullOr(Schema.Tuple([Schema.Int, Schema.Int])),
  /** What became of those. */
  outcome: Schema.Literals(["dropped", "replayed", "failed"]),
})

/** A hop was lost; it is waited for, unless its end was the end of the session. */
export interface Loss {
  readonly session: string
  /** As `authorize` named it. */
  readonly principal: string
  readonly hop: "client" | "upstream"
  /** How its connection ended; 1006 when it vanished. */
  readonly code: number
  readonly reason: string
}

/** What every mode has. Plain data but for the hooks, so that a config file decodes to it. */
export interface Common<R = never> {
  /** `ws:` or `wss:` origin and base path; the client adds path and query, never a host. */
  readonly upstream: string
  /**
   * Asked before the upstream is dialled, before plain HTTP is forwarded, and at each resume, which must be the same principal. The
   * answer names it. Default: everyone is one principal.
   */
  readonly authorize?: ((client: Incoming) => Effect.Effect<string, Rejected, R>) | undefined
  /** Time for the upstream to answer; later is 504, or 503 when all `maxDials` were busy. Default `"10 seconds"`. */
  readonly handshakeTimeout?: Duration.Input | undefined
  /** A lost upstream is dialled again, or the loss is handed on at once. Default `"reconnect"`. */
  readonly onUpstreamLoss?: "reconnect" | "close" | undefined
  /** Delays between the starts of dials to a lost upstream. Default: full jitter from 100 ms, doubling up to 5 s. */
  readonly backoff?: Schedule.Schedule<unknown> | undefined
  /**
   * Total time for dialling a lost upstream, until a connection lives for 5 seconds; then the client gets 1014. Default `"30 seconds"`.
   */
  readonly upstreamRetryBudget?: Duration.Input | undefined
  /** Messages sent but not confirmed when a hop died: reported as dropped, sent again, or the session fails. Default `"drop"`. */
  readonly uncertain?: "drop" | "replay" | "fail" | undefined
  /**
   * `"first-message"`: the upstream's first message lets the client's messages through. It is not passed on, unless the client asked
   * with `x-replay-id`, and is sent first to an upstream that is dialled again, with `x-reconnect: true`. Default `"none"`.
   */
  readonly upstreamHandshake?: "none" | "first-message" | undefined
  /** The gate must come within this, else the client gets 1014. Default `"10 seconds"`. */
  readonly gateTimeout?: Duration.Input | undefined
  /** Per session and direction; full, the producer is not read. May be exceeded by one message or one 64 KiB read. Default `1024`. */
  readonly bufferMessages?: number | undefined
  /** Per session and direction, likewise. Default `"1MiB"`. */
  readonly bufferBytes?: Bytes.Input | undefined
  /** A full buffer that does not move for this long while its consumer is there: that gets 4413, the other side 1013. Default `"20 seconds"`. */
  readonly stallTimeout?: Duration.Input | undefined
  /** How often each peer is asked for a sign of life; any byte is one. Default `"15 seconds"`. */
  readonly heartbeat?: Duration.Input | undefined
  /** Silence after such a Ping that counts as lost. Default `"10 seconds"`. */
  readonly heartbeatTimeout?: Duration.Input | undefined
  /** Sessions at a time, with those still dialling and forwarded requests. Beyond it: 503 with `Retry-After`. Default `10000`. */
  readonly maxSessions?: number | undefined
  /**
   * Everything held, unsent or unfinished, over all sessions. From 80 % on new clients get 503; when it is full the session that
   * holds most is closed with 1013, one with a missing hop first. Default `"256MiB"`, under `compat` `"512MiB"`.
   */
  readonly memory?: Bytes.Input | undefined
  /** Upstreams dialled at a time; the others queue. Default `64`. */
  readonly maxDials?: number | undefined
  /** Plain HTTP on the acceptor: 426, or on to the upstream's origin. Default `"refuse"`. */
  readonly http?: "refuse" | "forward" | undefined
  /** With `"forward"`: a request of which nothing moves for this long ends, before its answer with 504. Default `"1 minute"`. */
  readonly httpTimeout?: Duration.Input | undefined
  /** Append `x-forwarded-for`, `-proto` and `-host`. Default `true`. */
  readonly forwarded?: boolean | undefined
  /** TLS to the upstream. Default: the system's authorities, no certificate of our own. */
  readonly upstreamTls?: Dialer.Tls | undefined
  /** Speaks the dialect of that proxy, its weaknesses included; give the `Acceptor` a `maxMessage` of `"100MiB"`. Default: off. */
  readonly compat?: "ws-reconnect-proxy" | undefined
  /** A hop was lost. Default: nothing. */
  readonly onLost?: ((loss: Loss) => Effect.Effect<void, never, R>) | undefined
  /** The outage is over, one way or the other. Default: nothing. */
  readonly onBack?: ((receipt: typeof Receipt.Type) => Effect.Effect<void, never, R>) | undefined
  /** Closing the scope says goodbye to the sessions over half of this, and cuts the rest at its end. Default `"10 seconds"`. */
  readonly drainTimeout?: Duration.Input | undefined
}

/** Client and upstream may both come and go. */
export interface SessionMode {
  readonly mode?: "session" | undefined
  /** How long a client that vanished is waited for. Default `"60 seconds"`. */
  readonly linger?: Duration.Input | undefined
}

/** One upstream per client; only the upstream may come and go. */
export interface SenderMode {
  readonly mode: "sender"
}

/** The upstream stays, clients come and go. What nobody was there for goes once to the first, live messages to all. */
export interface ReceiverMode {
  readonly mode: "receiver"
  /** One upstream per `x-connection-id`, dialled with its first client, instead of one for all. Default `false`. */
  readonly perConnection?: boolean | undefined
  /** With `perConnection`: later clients of an id need not show its token. Default `false`. */
  readonly trustConnectionId?: boolean | undefined
}

/** How to proxy; the mode, by default `"session"`, decides which options there are. */
export type Options<R = never> = Common<R> & (SessionMode | SenderMode | ReceiverMode)

/** Proxies the clients of an `Acceptor` until the scope closes; then it drains. A bad option is a defect that names it. */
export const layer = <R = never>(options: Options<R>): Layer.Layer<never, never, Acceptor | R> =>
  Layer.effectDiscard(Serve.serve(options))
