/**
 * A WebSocket client that stays connected. Behind a Holdfast proxy it comes back to where it was; elsewhere it says what may be lost.
 * Not a request-response client: see `ClientSocket` for Effect RPC.
 *
 * @since 0.1.0
 */
import type * as Connectivity from "@holdfast/core/Connectivity"
import type * as ReplayBuffer from "@holdfast/core/ReplayBuffer"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Dialer from "./Dialer.ts"
import * as Connected from "./internal/client.ts"
import type { ClientError } from "./internal/clientError.ts"

export { ClientError, Dismissed, Full } from "./internal/clientError.ts"

/** A message: text or binary. */
export type Message = string | Uint8Array

/** A client that stays connected. */
export interface Shape extends Connectivity.Connectivity {
  /** Sends, or keeps it until connected; waits while the buffer is full. */
  readonly send: (message: Message) => Effect.Effect<void, ClientError>
  /**
   * What has arrived and was not received yet; waits for the next if there is none. Of several readers each message goes to one. As
   * much as `buffer` holds is read ahead, then the socket is not read. As a Stream: `ClientStream.messages`.
   */
  readonly receive: Effect.Effect<readonly [Message, ...Array<Message>], ClientError>
  /** Hangs up and dials again, now. */
  readonly reconnect: (why: string) => Effect.Effect<void>
}

/** A client that stays connected. */
export class Client extends Context.Service<Client, Shape>()("@holdfast/websocket/Client") {}

/** How to connect. */
export interface Options extends Omit<Dialer.Target, "url"> {
  /** `ws:` or `wss:`. An Effect is asked before every dial, so it may carry a fresh ticket. */
  readonly url: string | Effect.Effect<string>
  /** Its name in events and lists; never a secret. Default: the URL without query, or `"client"` when that is an Effect. */
  readonly target?: string | undefined
  /**
   * Runs on every new session before anything else is sent: log in, subscribe. Not after a resume, unless what it said may not have
   * arrived. If it dies, or sends nothing for 20 seconds, the connection is given up for another.
   */
  readonly onSession?: ((send: (message: Message) => Effect.Effect<void>) => Effect.Effect<void>) | undefined
  /** Delays after a loss. Default: full jitter from 100 ms, doubling up to 5 s. A server's `Retry-After` is waited for, too. */
  readonly backoff?: Schedule.Schedule<unknown> | undefined
  /** A connection must live this long before the backoff starts over. Default `"5 seconds"`. */
  readonly stableAfter?: Duration.Input | undefined
  /** Without a connection for this long it is over, with 1006. Default: never. */
  readonly giveUpAfter?: Duration.Input | undefined
  /** What waits to be sent, and what is read ahead. Default 1024 messages, `"1MiB"`, `"Backpressure"`. */
  readonly buffer?: ReplayBuffer.Options | undefined
  /** Sent but not confirmed when the connection died: dropped with an `Uncertain` event, sent again, or the end. Default `"drop"`. */
  readonly uncertain?: "drop" | "replay" | "fail" | undefined
  /** How often the server is asked for a sign of life; any byte is one. Default `"15 seconds"`. */
  readonly heartbeat?: Duration.Input | undefined
  /** Silence after such a Ping that counts as lost. Default `"10 seconds"`. */
  readonly heartbeatTimeout?: Duration.Input | undefined
}

/** Connects and stays connected until the scope closes; then it sends what waits and says goodbye with 1000. */
export const make = (options: Options): Effect.Effect<Shape, never, Scope.Scope> => Connected.make(options)

/** Provides a client. */
export const layer = (options: Options): Layer.Layer<Client> => Layer.effect(Client, make(options))
