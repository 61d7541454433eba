/**
 * The standard `WebSocket`, except that it comes back. For browsers and Node, and whatever else has their WebSocket; needs no Effect knowledge.
 * Outside the barrel: `import { WebSocket } from "@holdfast/websocket/WebSocket"`.
 *
 * **Details.** `open` fires for every new session: log in and subscribe there. What its listeners send goes first, and again if it may
 * not have arrived before a resume. A resume is invisible, but for `back`. While away `readyState` is `CONNECTING` and `send` keeps messages; `close` fires once, when nothing will
 * dial again, behind an `error` if nobody said goodbye.
 *
 * **Gotchas.** Browsers send no headers and no Pings: there no session is resumed, nobody asks whether a silent server lives, and
 * sent means handed on by the browser, so that `uncertain` counts less than may be lost. Elsewhere a message of more than 16 MiB ends
 * the connection with 1009.
 *
 * @since 0.1.0
 */
import type * as Bytes from "@holdfast/core/Bytes"
import type * as Duration from "effect/Duration"
import * as Reconnects from "./internal/webSocket.ts"

/** What the standard has no words for. */
export interface Options {
  /** First and longest delay, full jitter. Default `"100 millis"` and `"5 seconds"`. */
  readonly backoff?:
    | { readonly baseDelay?: Duration.Input | undefined; readonly maxDelay?: Duration.Input | undefined }
    | undefined
  /** Without a connection for this long it closes with 1006. Default: never. */
  readonly giveUpAfter?: Duration.Input | undefined
  /** Kept while away; more makes `send` throw a `QuotaExceededError`. Default 1024 messages, `"1MiB"`. */
  readonly buffer?: { readonly messages?: number | undefined; readonly bytes?: Bytes.Input | undefined } | undefined
  /** Sent but not confirmed when the connection died: dropped and told by `away`, sent again, or the end. Default `"drop"`. */
  readonly uncertain?: "drop" | "replay" | "fail" | undefined
  /** Sent where the platform can: not in browsers. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** The connection was lost, with this close code; so many messages that were sent may not have arrived. */
export interface AwayEvent extends Event {
  readonly code: number
  readonly reason: string
  readonly uncertain: number
}

/** Its events by name: the standard ones, and two more. */
export interface EventMap {
  readonly open: Event
  readonly message: MessageEvent
  readonly error: Event
  readonly close: CloseEvent
  readonly away: AwayEvent
  readonly back: Event
}

/** A socket that comes back. */
export interface WebSocket extends globalThis.WebSocket {
  /** The connection was lost; it is being dialled again. */
  onaway: ((event: AwayEvent) => unknown) | null
  /** Connected again; `open` follows unless it was a resume. */
  onback: ((event: Event) => unknown) | null
  /** Hangs up and dials again, now. */
  reconnect(): void
  addEventListener<K extends keyof EventMap>(
    type: K,
    listener: (this: WebSocket, event: EventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void
}

/** Takes the place of the global one. */
export const WebSocket: {
  /** Dials at once. `url` may be a function, asked before every dial, so it may carry a fresh ticket. */
  new (
    url: string | URL | (() => string | Promise<string>),
    protocols?: string | ReadonlyArray<string>,
    options?: Options,
  ): WebSocket
  readonly prototype: WebSocket
  readonly CONNECTING: 0
  readonly OPEN: 1
  readonly CLOSING: 2
  readonly CLOSED: 3
} = Reconnects.WebSocket
