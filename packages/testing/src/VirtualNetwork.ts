/**
 * Hosts and links that exist only in the simulator. Hands out the shapes real code already takes: `ws`-like WebSockets and Effect Sockets.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
import type { Direction, Fault } from "./Fault.ts"
import type { Connection } from "./internal/networkConnection.ts"
import type { DialOptions, Upgrade } from "./internal/networkDoor.ts"
import type { EndOptions } from "./internal/networkWebOptions.ts"
import type { VirtualWebSocket } from "./internal/networkWebSocket.ts"

export type { Connection } from "./internal/networkConnection.ts"
export type { DialOptions, Upgrade } from "./internal/networkDoor.ts"
export type { Headers, Message, Request, Response } from "./internal/networkFrame.ts"
export type { Pipe } from "./internal/networkPipe.ts"
export type { EndOptions } from "./internal/networkWebOptions.ts"
export type { VirtualWebSocket } from "./internal/networkWebSocket.ts"

/** The part of a `ws` WebSocket that people use. The real one has this shape too; a virtual one has all of it. */
export interface WebSocketLike {
  readonly readyState: number
  readonly protocol: string
  readonly bufferedAmount: number
  send(data: string | Uint8Array, done?: (error?: Error) => void): void
  ping(data?: string | Uint8Array): void
  pause(): void
  resume(): void
  close(code?: number, reason?: string): void
  terminate(): void
  on(event: "open", listener: () => void): unknown
  on(event: "message", listener: (data: Buffer | ArrayBuffer | Array<Buffer>, isBinary: boolean) => void): unknown
  on(event: "pong", listener: (data: Buffer) => void): unknown
  on(event: "close", listener: (code: number, reason: Buffer) => void): unknown
  on(event: "error", listener: (error: Error) => void): unknown
}

/** Dials from one host: what `new WebSocket(url, protocols, { headers })` would give. */
export type WebSocketDial = (url: string, protocols?: ReadonlyArray<string>, options?: DialOptions) => VirtualWebSocket

/** A connection of any protocol: messages are closures that the network runs later on the other host, in order, or never. */
export interface Wire {
  /** Carries one message of `size` bytes. `false`: the queue is full, wait before the next. */
  readonly carry: (direction: "up" | "down", size: number, deliver: () => void) => boolean
  /** Completes when the queue of this direction has room again, or never will. */
  readonly writable: (direction: "up" | "down") => Effect.Effect<void>
  /** Completes when the connection is cut, with a word about why. */
  readonly cut: Effect.Effect<string>
}

/** What a link is like when no fault is going on. */
export interface LinkOptions {
  /** From one end to the other. Default `"1 millis"`. */
  readonly latency?: Duration.Input | undefined
  /** At most so much more, different for everything that is sent. Default `0`. */
  readonly jitter?: Duration.Input | undefined
  /** Bytes per second. Default: no limit. */
  readonly bandwidth?: number | undefined
  /** Bytes under way in each direction of a connection, before its writer has to wait. Default 64 KiB. */
  readonly queue?: number | undefined
}

/** A machine of the virtual network. */
export interface Host {
  readonly name: string
  /** What a crash leaves behind, unless it is one without `keepState`. */
  readonly disk: Map<string, unknown>
  /** Dials a WebSocket from here, as a foreign client would. */
  readonly webSocket: WebSocketDial
  /** The same for code that wants a class to call with `new`, as that of `ws` and of browsers. */
  readonly WebSocket: new (
    url: string | URL,
    protocols?: string | ReadonlyArray<string>,
    options?: DialOptions,
  ) => VirtualWebSocket
  /** The same for `Socket.makeWebSocket` of Effect. */
  readonly layerWebSocketConstructor: Layer.Layer<Socket.WebSocketConstructor>
  /**
   * Accepts WebSockets here until the scope closes, with the first protocol that was offered. What a handler listens to is over when the
   * host crashes; after a restart it is called for new ones.
   */
  readonly onWebSocket: (
    port: number,
    handler: (socket: VirtualWebSocket, headers: Upgrade["headers"], upgrade: Upgrade) => void,
  ) => Effect.Effect<void, never, Scope.Scope>
  /** The same, for a server that looks at the request and accepts it or not, now or later. */
  readonly onUpgrade: (
    port: number,
    handler: (upgrade: Upgrade) => void,
    options?: Partial<Omit<EndOptions, "client">>,
  ) => Effect.Effect<void, never, Scope.Scope>
  /** Dials bytes from here: `"server:5432"`. */
  readonly socket: (address: string) => Socket.Socket
  /** Accepts bytes here until the scope closes; each handler runs on this host and dies with it. A handler that dies ends the run. */
  readonly onSocket: <R>(
    port: number,
    handler: (socket: Socket.Socket) => Effect.Effect<unknown, Socket.SocketError, R>,
  ) => Effect.Effect<void, never, Exclude<R, Scope.Scope> | Scope.Scope>
  /** Dials anything else from here. Fails with a word about why. */
  readonly wire: (address: string) => Effect.Effect<Wire, string, Scope.Scope>
  /** Accepts anything else here, until the scope closes. */
  readonly onWire: (port: number, handler: (wire: Wire) => void) => Effect.Effect<void, never, Scope.Scope>
  /**
   * Runs on this host: with its clock and layers of its own, which no other host and no later life of it shares. A crash interrupts it
   * and closes its scope, and the next start begins it anew.
   */
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** The network. Verbs for scripted tests; a `FaultPlan` uses the same ones. */
export class VirtualNetwork extends Context.Service<
  VirtualNetwork,
  {
    /** The machine of this name; made when first asked for. */
    readonly host: (name: string) => Host
    /** What a link `"client-server"` is like, or with `"*"` all of which nothing else is said. */
    readonly link: (link: string, options: LinkOptions) => Effect.Effect<void>
    /**
     * A WebSocket between two hosts that is connected already and has not been opened, for tests of what is written on top of one: either
     * end says its half of the handshake with `greet`, hears the other as the event `head`, and is open from `open` on.
     */
    readonly join: (
      from: string,
      to: string,
      options?: {
        readonly dialler?: Partial<Omit<EndOptions, "client">> | undefined
        readonly acceptor?: Partial<Omit<EndOptions, "client">> | undefined
      },
    ) => {
      readonly connection: Connection
      readonly dialler: VirtualWebSocket
      readonly acceptor: VirtualWebSocket
    }
    /** Every connection that is not over, in the order they were made. */
    readonly connections: () => ReadonlyArray<Connection>
    /** A fault that lasts as long as the scope. */
    readonly inject: (fault: Fault, on: string) => Effect.Effect<void, never, Scope.Scope>
    /** Drops everything on a link `"client-server"`, both ways unless told. */
    readonly cut: (link: string, direction?: Direction) => Effect.Effect<void>
    /** Queues everything until `release` or `heal`. */
    readonly hold: (link: string) => Effect.Effect<void>
    /** Delivers what is queued, in order. */
    readonly release: (link: string) => Effect.Effect<void>
    /** Makes a link or host well again; everything, without a name. */
    readonly heal: (link?: string) => Effect.Effect<void>
    /** Stops a host: its fibers and connections die; what it wrote to disk stays if `keepState` is `true`, the default. */
    readonly crash: (host: string, options?: { readonly keepState?: boolean | undefined }) => Effect.Effect<void>
    /** Starts it again. */
    readonly restart: (host: string) => Effect.Effect<void>
    /** Completes when the plan of the run has run out and everything is well again; at once, without a plan. */
    readonly healed: Effect.Effect<void>
  }
>()("@holdfast/testing/VirtualNetwork") {}
