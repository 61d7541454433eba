/**
 * The virtual network as programs see it.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import type { Host as Face, LinkOptions, VirtualNetwork, Wire } from "../VirtualNetwork.ts"
import type { Connection, Way } from "./networkConnection.ts"
import * as Door from "./networkDoor.ts"
import type { Host, Listener } from "./networkHost.ts"
import { ParcelEnd } from "./networkParcels.ts"
import { opened, socketOf, VirtualStream } from "./networkStream.ts"
import { canonical } from "./networkWeather.ts"
import { defaults } from "./networkWebOptions.ts"
import { VirtualWebSocket } from "./networkWebSocket.ts"
import type { Settings, World } from "./networkWorld.ts"

/** The service; `healed` is the player's to say. */
export const make = (world: World, healed: Effect.Effect<void>): VirtualNetwork["Service"] => {
  const faces = new Map<string, Face>()
  const scripted = new Map<string, Set<() => void>>()
  const begin = (link: string, end: () => void) => {
    const name = canonical(link)
    scripted.set(name, (scripted.get(name) ?? new Set()).add(end))
  }
  return {
    host: (name) => {
      const face = faces.get(name) ?? faceOf(world, world.host(name))
      faces.set(name, face)
      return face
    },
    link: (link, options) => Effect.sync(() => world.setLink(link, settingsOf(options))),
    join: (from, to, options = {}) => {
      const [here, there] = [world.host(from), world.host(to)]
      return world.join(
        here,
        there,
        ({ down, up }) =>
          new VirtualWebSocket(here, up, down, `ws://${to}/`, { ...defaults, ...options.dialler, client: true }),
        ({ down, up }) =>
          new VirtualWebSocket(there, down, up, "", { ...defaults, ...options.acceptor, client: false }),
      )
    },
    connections: () => [...world.connections],
    inject: (fault, on) =>
      Effect.acquireRelease(
        Effect.sync(() => world.begin(fault, on)),
        (end) => Effect.sync(end),
      ),
    cut: (link, dir) =>
      Effect.sync(() => void world.begin({ _tag: "partition", ...(dir === undefined ? {} : { dir }) }, link)),
    hold: (link) => Effect.sync(() => begin(link, world.begin({ _tag: "partition", hold: true }, link))),
    release: (link) =>
      Effect.sync(() => {
        for (const end of scripted.get(canonical(link)) ?? []) end()
        scripted.delete(canonical(link))
      }),
    heal: (link) => Effect.sync(() => world.heal(link)),
    crash: (host, { keepState = true } = {}) =>
      Effect.sync(
        () => void world.begin({ _tag: "crash", ...(keepState ? {} : { keepState }) }, world.host(host).name),
      ),
    restart: (host) => Effect.sync(() => world.restart(world.host(host).name)),
    healed,
  }
}

const settingsOf = ({ bandwidth, jitter, latency, queue }: LinkOptions): Partial<Settings> => ({
  ...(bandwidth === undefined ? {} : { bandwidth: bandwidth / 1000 }),
  ...(jitter === undefined ? {} : { jitter: Duration.toMillis(jitter) }),
  ...(latency === undefined ? {} : { latency: Duration.toMillis(latency) }),
  ...(queue === undefined ? {} : { window: queue }),
})

const faceOf = (world: World, host: Host): Face => {
  const webSocket: Face["webSocket"] = (url, protocols = [], options = {}) =>
    Door.dial(world, host, url, protocols, options)

  const onUpgrade: Face["onUpgrade"] = (port, handler, options) =>
    listening(host, port, "webSocket", (connection) => Door.accept(world, host, connection, handler, options))

  const dialStream = (address: string) => {
    const [name, port] = parsed(address)
    return world.dial(host, name, port, "bytes", ({ down, up }) => new VirtualStream(host, up, down))
  }

  return {
    name: host.name,
    disk: host.disk,
    webSocket,
    WebSocket: constructorOf(webSocket),
    layerWebSocketConstructor: Layer.succeed(Socket.WebSocketConstructor, (url, options) =>
      typeof options === "object" && !Array.isArray(options)
        ? webSocket(url, listOf(options.protocols), { headers: options.headers })
        : webSocket(url, listOf(options)),
    ),
    onUpgrade,
    onWebSocket: (port, handler) => onUpgrade(port, (upgrade) => handler(upgrade.accept(), upgrade.headers, upgrade)),
    socket: (address) => socketOf(opened(() => dialStream(address))),
    onSocket: <R>(port: number, handler: (socket: Socket.Socket) => Effect.Effect<unknown, Socket.SocketError, R>) =>
      Effect.gen(function* () {
        const context = yield* Effect.context<Exclude<R, Scope.Scope>>()
        const serving = yield* FiberSet.make()
        yield* listening(host, port, "bytes", ({ down, up }) => {
          const stream = new VirtualStream(host, down, up)
          const handled = Effect.scoped(handler(socketOf(Effect.succeed(stream))))
          stream.onConnected = () => FiberSet.addUnsafe(serving, host.fork(context, served(world, handled, stream)))
          return stream
        })
      }),
    wire: (address) => dialWire(world, host, address),
    onWire: (port, handler) =>
      listening(host, port, "messages", (connection) => {
        const end = new ParcelEnd(host, connection.down, connection.up)
        end.onConnected = () => handler(wireOf(world, connection, end))
        return end
      }),
    run: host.run,
  }
}

const listening = (
  host: Host,
  port: number,
  protocol: Listener["protocol"],
  accept: Listener["accept"],
): Effect.Effect<void, never, Scope.Scope> => {
  const listener = { protocol, accept }
  const listen = Effect.suspend(() => {
    if (host.listeners.has(port)) return Effect.die(new Error(`listen EADDRINUSE ${host.name}:${port}`))
    host.listeners.set(port, listener)
    return Effect.void
  })
  return Effect.acquireRelease(listen, () => Effect.sync(() => host.listeners.delete(port)))
}

// What is left of a connection goes with its handler, and a bug in a handler is one of the program.
const served = <R>(world: World, handled: Effect.Effect<unknown, Socket.SocketError, R>, stream: VirtualStream) =>
  Effect.ignore(handled).pipe(
    Effect.tapDefect((defect) => Effect.sync(() => world.options.crash(defect))),
    Effect.ensuring(Effect.sync(() => stream.destroy())),
  )

const dialWire = (world: World, host: Host, address: string): Effect.Effect<Wire, string, Scope.Scope> =>
  Effect.flatMap(
    Effect.acquireRelease(
      Effect.sync(() => {
        const [name, port] = parsed(address)
        let wire: Wire | undefined
        const end = world.dial(host, name, port, "messages", (connection) => {
          const end = new ParcelEnd(host, connection.up, connection.down)
          wire = wireOf(world, connection, end)
          return end
        })
        return { end, wire: wire! }
      }),
      ({ end }) => Effect.sync(() => end.hangUp("closed")),
    ),
    ({ end, wire }) =>
      Effect.callback<Wire, string>((resume) => {
        end.onConnected = (error) => resume(error === undefined ? Effect.succeed(wire) : Effect.fail(error.message))
        if (end.isOpen) resume(Effect.succeed(wire))
        else if (end.over()) resume(Effect.flatMap(end.why, Effect.fail))
      }),
  )

const wireOf = (world: World, connection: Connection, own: ParcelEnd): Wire => {
  // Both ends of these connections are of one class.
  const endOf = (way: Way) => (way === "up" ? connection.dialler : connection.acceptor) as ParcelEnd | undefined
  return {
    carry: (way, size, deliver) =>
      endOf(way)?.carry(size, deliver, world.mischief(connection, way), world.options.chance) ?? false,
    writable: (way) => endOf(way)?.writable ?? Effect.void,
    cut: own.why,
  }
}

const constructorOf = (webSocket: Face["webSocket"]): Face["WebSocket"] => {
  // What a constructor returns is what `new` gives, if it is an object.
  const constructor = function (
    url: string | URL,
    protocols?: string | ReadonlyArray<string>,
    options?: Door.DialOptions,
  ) {
    return webSocket(String(url), listOf(protocols), options)
  }
  return Object.assign(constructor, { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 }) as unknown as Face["WebSocket"]
}

const listOf = (protocols: string | ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  protocols === undefined ? [] : typeof protocols === "string" ? [protocols] : protocols

const parsed = (address: string): readonly [host: string, port: number] => {
  const [, host, port] = /^(?:[a-z]+:\/\/)?([^:/]+):(\d+)$/.exec(address) ?? []
  if (host === undefined) throw new RangeError(`${JSON.stringify(address)} is no address; write "server:5432"`)
  return [host, Number(port)]
}
