/**
 * A client of ours in the virtual network, in front of the server itself or of a proxy that can be stopped and started.
 */
import { assert } from "@effect/vitest"
import * as Connectivity from "@holdfast/core/Connectivity"
import * as Events from "@holdfast/core/Events"
import { Context, Effect, Exit, Layer, Logger, Schedule, Scope } from "effect"
import * as Client from "../../src/Client.ts"
import { Dialer } from "../../src/Dialer.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as Network from "./network.ts"
import { textOf } from "./peer.ts"
import type { Connection } from "./upstream.ts"

export interface Settings extends Network.Options {
  /** With a proxy in front of the server. Default `false`. */
  readonly proxied?: boolean | Partial<Proxy.Options> | undefined
}

/** What every client here has unless the test says otherwise. */
export const common: Client.Options = { url: "ws://server/feed?secret=1", backoff: Schedule.spaced("50 millis") }

/** The network, what is told, and the world for a client that dials the server, or a proxy in front of it. */
export const staged = Effect.fnUntraced(function* (settings: Settings = {}) {
  const { proxied = false, ...rest } = settings
  const network = yield* Network.make(rest)
  const told: Array<Events.Event> = []
  const hub = { emit: (event: Events.Event) => void told.push(event), after: () => Effect.never, history: () => [] }
  const quiet = Layer.succeed(Events.Events, { ...hub, track: () => () => {} })
  let proxy: Scope.Closeable | undefined
  const start = Effect.gen(function* () {
    proxy = yield* Scope.fork(yield* Effect.scope)
    const layer = Proxy.layer({
      upstream: "ws://upstream",
      backoff: Schedule.spaced("20 millis"),
      drainTimeout: 100,
      ...(proxied === true ? {} : proxied),
    } as Proxy.Options)
    yield* Layer.buildWithScope(layer.pipe(Layer.provide([network.layer, Logger.layer([])])), proxy)
  })
  const stop = Effect.suspend(() => (proxy === undefined ? Effect.void : Scope.close(proxy, Exit.void)))
  if (proxied !== false) yield* start
  const world = Layer.mergeAll(
    quiet,
    Logger.layer([]),
    Layer.succeed(Dialer, proxied === false ? { dial: network.upstream.dial } : network.dialer),
  )
  const { upstream } = network
  const events = (tag: string) =>
    told.flatMap((event) => {
      const { _tag, at: _, program, target, ...about } = event
      if (_tag !== tag) return []
      assert.deepStrictEqual([program, target], ["client", "ws://server/feed"])
      return [about]
    })
  return {
    network,
    upstream,
    world,
    events,
    start,
    stop,
    /** What the server has got on its n-th connection. */
    got: (nth: number) => upstream.connections[nth - 1]?.peer.received.map(textOf),
    ended: (nth: number) => upstream.connections[nth - 1]?.peer.ended,
    last: (): Connection => upstream.connections.at(-1)!,
  }
})

/** A client on such a stage. */
export const started = Effect.fnUntraced(function* (options: Partial<Client.Options> = {}, settings: Settings = {}) {
  const stage = yield* staged(settings)
  const scope = yield* Scope.fork(yield* Effect.scope)
  const layer = Client.layer({ ...common, ...options }).pipe(Layer.provideMerge(stage.world))
  const client = Context.get(yield* Layer.buildWithScope(layer, scope), Client.Client)
  return {
    ...stage,
    client,
    is: (state: Connectivity.State) => Connectivity.waitFor(client, state),
    close: Scope.close(scope, Exit.void),
  }
})

/** Says so, one after the other. */
export const sayTo = (client: Client.Shape, ...texts: ReadonlyArray<string>) =>
  Effect.forEach(texts, client.send, { discard: true })

/** `m1`, `m2` and so on. */
export const some = (prefix: string, count: number) => Array.from({ length: count }, (_, at) => `${prefix}${at + 1}`)

/** How it failed. */
export const failure = (effect: Effect.Effect<unknown, Client.ClientError>): Effect.Effect<object, unknown> =>
  Effect.map(Effect.flip(effect), ({ reason }) => ({ ...reason, _tag: reason._tag }))
