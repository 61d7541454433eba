/**
 * The server behind the proxy, and the `Dialer` that leads to it: each dial ends as the test says, and what it accepts it remembers.
 */
import type { VirtualNetwork } from "@holdfast/testing"
import { Effect, type Scope } from "effect"
import type { Target } from "../../src/Dialer.ts"
import { type Headers, Refused, type Transport, TransportError, Unreachable } from "../../src/Transport.ts"
import type { EventLoop } from "./eventLoop.ts"
import { Peer, textOf } from "./peer.ts"
import { transportOf } from "./transportOf.ts"
import type { Detection, Wire } from "./wire.ts"

/** How one dial ends. Times are in milliseconds, beside those of the network. */
export type Reply =
  | {
      readonly _tag: "Accept"
      readonly after?: number
      /** Default: the first that was offered. */
      readonly protocol?: string
      readonly headers?: Headers
    }
  | {
      readonly _tag: "Answer"
      readonly after?: number
      readonly status: number
      readonly headers?: Headers
      readonly body?: string
    }
  | { readonly _tag: "Unreachable"; readonly after?: number; readonly kind?: Unreachable["kind"] }
  | { readonly _tag: "Silence" }

/** A connection it accepted. */
export interface Connection {
  /** From 1, in the order of dials. */
  readonly dial: number
  readonly request: VirtualNetwork.Request
  readonly peer: Peer
  readonly wire: Wire
  readonly at: number
}

export class Upstream {
  /** Everything accepted so far, the open and the ended ones. */
  readonly connections: Array<Connection> = []
  /** When somebody dialled, whatever came of it. */
  readonly dials: Array<number> = []
  /** How the dial with this number ends, from 1; asked when it arrives. Not asked while the server is down. */
  reply: (dial: number, request: VirtualNetwork.Request) => Reply = () => ({ _tag: "Accept" })
  /** What the server does with a connection. */
  behave: (connection: Connection) => void = () => {}
  readonly #loop: EventLoop
  readonly #wire: (maxMessage: number) => Wire
  #down = false

  constructor(loop: EventLoop, wire: (maxMessage: number) => Wire) {
    this.#loop = loop
    this.#wire = wire
  }

  get open(): ReadonlyArray<Connection> {
    return this.connections.filter(({ peer }) => peer.ended === undefined)
  }

  /** New dials are refused; connections stay. */
  down(): void {
    this.#down = true
  }

  up(): void {
    this.#down = false
  }

  /** Cuts every connection. */
  killAll(detection?: Detection): void {
    for (const { wire } of this.open) wire.cut(detection)
  }

  /** What a `Dialer` does. */
  readonly dial = Effect.fnUntraced({ self: this }, function* (this: Upstream, target: Target): Effect.fn.Return<
    Transport,
    TransportError,
    Scope.Scope
  > {
    const dial = this.dials.push(this.#loop.now())
    const request = requestOf(target)
    const wire = this.#wire(target.maxMessage ?? 16 * 1024 * 1024)
    yield* Effect.sleep(wire.up.path.latency)
    const reply: Reply = this.#down ? { _tag: "Unreachable" } : this.reply(dial, request)
    yield* Effect.sleep(wire.down.path.latency)
    const origin = new URL(target.url).origin
    if (reply._tag === "Unreachable") {
      yield* Effect.sleep(reply.after ?? 0)
      const { kind = "refused" } = reply
      return yield* new TransportError({ reason: new Unreachable({ target: origin, kind, why: `it is ${kind}` }) })
    }
    wire.peer.once("head", () => {
      if (reply._tag === "Silence") return
      this.#loop.after(reply.after ?? 0, () => this.#respond(reply, { dial, request, wire }))
    })
    yield* Effect.acquireRelease(
      Effect.sync(() => wire.proxy.greet(request)),
      () => Effect.sync(() => wire.proxy.terminate()),
    )
    return yield* this.#await101(wire, target, origin)
  })

  #respond(
    reply: Exclude<Reply, { _tag: "Unreachable" | "Silence" }>,
    at: Pick<Connection, "dial" | "request" | "wire">,
  ) {
    const end = at.wire.peer
    if (end.readyState !== 0) return // the proxy has gone away
    const { headers = {} } = reply
    if (reply._tag === "Answer") {
      end.greet({ _tag: "Response", status: reply.status, headers, protocol: "", body: Buffer.from(reply.body ?? "") })
      return end.refuse()
    }
    const { protocol = at.request.protocols[0] ?? "" } = reply
    end.greet({ _tag: "Response", status: 101, headers, protocol, body: new Uint8Array() })
    end.open(protocol)
    const peer = new Peer(at.wire, { headers: at.request.headers, protocol })
    const connection = { ...at, peer, at: this.#loop.now() }
    this.connections.push(connection)
    this.behave(connection)
  }

  // As `internal/ws.ts` does with the real library.
  #await101({ proxy: socket }: Wire, target: Target, origin: string): Effect.Effect<Transport, TransportError> {
    return Effect.callback((resume) => {
      const fail = (reason: TransportError["reason"]) => resume(Effect.fail(new TransportError({ reason })))
      socket.once("close", () => fail(new Unreachable({ target: origin, kind: "reset", why: "socket hang up" })))
      socket.once("head", ({ body, headers, protocol, status }: VirtualNetwork.Response) => {
        if (status !== 101) return fail(new Refused({ target: origin, status, headers, body }))
        socket.open(protocol)
        socket.pause()
        if (protocol === "" || (target.protocols ?? []).includes(protocol)) {
          return resume(Effect.succeed(transportOf(socket, { protocol, headers }, this.#loop)))
        }
        socket.terminate()
        const why = `it chose the subprotocol ${JSON.stringify(protocol)}, which was not offered`
        fail(new Unreachable({ target: origin, kind: "protocol", why }))
      })
    })
  }
}

/** For `behave`: sends everything back. */
export const echo = ({ peer }: Connection): void => {
  peer.onMessage = (message) => peer.send(message.text ? textOf(message) : message.data)
}

const requestOf = ({ headers = {}, protocols = [], url }: Target): VirtualNetwork.Request => ({
  _tag: "Request",
  url,
  headers: { host: new URL(url).host, ...headers },
  protocols,
})
