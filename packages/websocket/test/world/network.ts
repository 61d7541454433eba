/**
 * A network in memory, with clients on one side and an upstream on the other, so that a whole proxy runs in the simulator.
 *
 * const network = yield* Network.make()
 * yield* Layer.build(Proxy.layer({ upstream: "ws://upstream" }).pipe(Layer.provide(network.layer)))
 * const answer = yield* network.dial({ path: "/chat" })
 */
import type { Sim } from "@holdfast/testing"
import { Effect, Layer } from "effect"
import { Acceptor } from "../../src/Acceptor.ts"
import { Dialer } from "../../src/Dialer.ts"
import { dialing } from "./dialing.ts"
import * as Clients from "./clients.ts"
import * as EventLoop from "./eventLoop.ts"
import { Upstream } from "./upstream.ts"
import { type Settings, Wire } from "./wire.ts"

export type Hop = "client" | "upstream"

export interface Options {
  /** How the n-th connection of a hop behaves, from 1. Default: as `Settings` says. */
  readonly settings?: ((hop: Hop, nth: number) => Settings) | undefined
  /** Sees every connection before anything crosses it: for observers on `wire.proxy`, and for faults. */
  readonly onWire?: ((wire: Wire, hop: Hop, nth: number) => void) | undefined
  /** The acceptor's limit, in bytes. Default 16 MiB. */
  readonly maxMessage?: number | undefined
}

export interface Network {
  /** The proxy's `Acceptor` and `Dialer`. It may be built again, for a proxy that restarts. */
  readonly layer: Layer.Layer<Acceptor>
  /** A client dials the proxy. */
  readonly dial: Clients.Clients["dial"]
  /** How a client of ours dials the proxy: each dial is a connection of the hop `client`, and the client has its `peer` end. */
  readonly dialer: typeof Dialer.Service
  readonly upstream: Upstream
  /** Every connection there was, in order. */
  readonly wires: Readonly<Record<Hop, ReadonlyArray<Wire>>>
  readonly loop: EventLoop.EventLoop
}

/** Stands until the scope closes; let the proxy go first. */
export const make = Effect.fnUntraced(function* (options: Options = {}): Effect.fn.Return<Network, never, Sim.World> {
  const loop = yield* EventLoop.make
  const wires: Record<Hop, Array<Wire>> = { client: [], upstream: [] }
  const wireOf = (hop: Hop) => (maxMessage: number) => {
    const nth = wires[hop].length + 1
    const wire = new Wire(loop, hop === "client" ? "server" : "client", maxMessage, options.settings?.(hop, nth))
    wires[hop].push(wire)
    options.onWire?.(wire, hop, nth)
    return wire
  }
  const upstream = new Upstream(loop, wireOf("upstream"))
  const { acceptor, dial, meet } = Clients.make(loop, options.maxMessage ?? 16 * 1024 * 1024, wireOf("client"))
  const layer = Layer.merge(Layer.succeed(Acceptor, acceptor), Layer.succeed(Dialer, { dial: upstream.dial }))
  return { layer, dial, dialer: dialing(meet, loop), upstream, wires, loop }
})
