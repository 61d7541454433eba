/**
 * The whole virtual network: its hosts, its connections, and the faults that are going on.
 */
import type * as Schema from "effect/Schema"
import type { Fault } from "../Fault.ts"
import type * as Chance from "./chance.ts"
import { Connection, type Protocol, type Way } from "./networkConnection.ts"
import { type End, failure } from "./networkEnd.ts"
import { type Ground, Host } from "./networkHost.ts"
import type { Mischief } from "./networkParcels.ts"
import type { Path } from "./networkPath.ts"
import { pass, type Stage } from "./networkSentence.ts"
import { type Active, canonical, hits, mischiefOf, parts, type Route, weatherOf } from "./networkWeather.ts"
import * as Readable from "./readable.ts"
import type { Recorder } from "./record.ts"

/** What a link is like without faults. */
export interface Settings extends Omit<Path, "jitter"> {
  readonly jitter: number
}

/** A dial that has not come to an end. */
interface Attempt extends Route {
  readonly resume: () => void
}

/** What a run gives its network. */
export interface Options extends Ground {
  readonly chance: Chance.Chance
  readonly recorder: typeof Recorder.Service
  /** Ends the run, as an uncaught exception ends a process. */
  readonly crash: (defect: unknown) => void
}

/** The network of one run. */
export class World {
  readonly hosts = new Map<string, Host>()
  readonly connections = new Set<Connection>()
  readonly active = new Set<Active>()
  readonly options: Options
  /** Hears of every connection before anything crosses it. */
  onConnection: (connection: Connection) => void = () => {}
  /** Hears of every message that has been handed out. */
  onMessage: (connection: Connection) => void = () => {}
  readonly #links = new Map<string, Settings>()
  readonly #waiting = new Set<Attempt>()
  readonly #counts = new Map<string, number>()

  constructor(options: Options) {
    this.options = options
  }

  host(name: string): Host {
    const known = this.hosts.get(name)
    if (known !== undefined) return known
    if (!/^[^\s:/*-]+$/.test(name)) {
      throw new RangeError(
        `a host cannot be called ${JSON.stringify(name)}; take a word without -, : and /, as "server"`,
      )
    }
    const host = new Host(name, this.options)
    this.hosts.set(name, host)
    for (const active of this.active) if (active.on === "*" || active.on === name) this.#suffer(active, host)
    return host
  }

  /** Links that are there already get it, too. */
  setLink(link: string, settings: Partial<Settings>): void {
    const all = { ...this.#linkOf(link), ...settings }
    this.#links.set(link, all)
    for (const connection of this.connections) {
      if (!hits(link, connection)) continue
      connection.up.path = connection.down.path = this.#pathOf(connection)
    }
  }

  /** Begins to make a connection; the end hears what comes of it. */
  dial<E extends End>(
    from: Host,
    to: string,
    port: number,
    protocol: Protocol,
    make: (connection: Connection) => E,
  ): E {
    const [connection, end] = this.#begin(from, to, protocol, make)
    this.row(from.name, "dial", connection.name, { to: `${to}:${port}` })
    this.#feel(connection)
    if (from.isUp) this.#resolve(from, connection, port)
    else end.abort()
    return end
  }

  /** A connection that is there at once, whatever the weather; its protocol has not begun. */
  join<E extends End>(
    from: Host,
    to: Host,
    dialler: (connection: Connection) => E,
    acceptor: (connection: Connection) => E,
  ) {
    const [connection, end] = this.#begin(from, to.name, "webSocket", dialler)
    const other = acceptor(connection)
    this.#made(to, connection, other)
    return { connection, dialler: end, acceptor: other }
  }

  /** What happens to messages now. */
  mischief(connection: Connection, way: Way): Mischief {
    return mischiefOf(this.active, connection, way)
  }

  /** A fault begins; the answer ends it. */
  begin(fault: Fault, on: string): () => void {
    const active: Active = { fault, on, undo: new Set(), bursts: new WeakMap() }
    this.active.add(active)
    this.options.recorder.row("fault", "", fault._tag, on, fault as unknown as Schema.Json) // a fault is JSON by its Schema
    for (const host of this.hosts.values()) if (on === "*" || on === host.name) this.#suffer(active, host)
    this.#changed()
    for (const connection of this.connections) this.#judge(active, connection, "before")
    return () => this.#end(active)
  }

  /** Everything is well again; only there: with its link or host. */
  heal(on?: string): void {
    for (const active of this.active) {
      if (on === undefined || canonical(active.on) === canonical(on)) this.#end(active)
    }
    for (const host of this.hosts.values()) {
      if (on !== undefined && host.name !== on) continue
      host.restart()
    }
    this.options.recorder.row("fault", "", "heal", on ?? "", null)
  }

  /** A host starts again, whoever stopped it. */
  restart(name: string): void {
    for (const active of this.active) if (active.fault._tag === "crash" && active.on === name) this.#end(active)
    this.host(name).restart()
  }

  /** A row of the network. */
  row(host: string, op: string, key: string, value: Schema.Json): void {
    this.options.recorder.row("net", host, op, key, value)
  }

  /** The status with which somebody on the way answers new WebSockets. */
  answers(connection: Connection): number | undefined {
    for (const { fault, on } of this.active) {
      if (fault._tag === "serverError" && fault.status < 1000 && hits(on, connection)) return fault.status
    }
    return undefined
  }

  // What the name means now, then whether anybody takes packets there.
  #resolve(from: Host, connection: Connection, port: number): void {
    const { to } = connection
    const address = `${to}:${port}`
    const silent = this.#of("dns", (_, on) => on === to || on === "*")
    if (silent !== undefined && silent.fail !== false) return this.#refuse(connection, "ENOTFOUND", to, 0)
    if (silent !== undefined) return this.#wait(connection, () => this.#resolve(from, connection, port))
    const moved = this.#of("addressChange", (_, on) => on === to)
    const target = this.hosts.get(moved?.to ?? to)
    if (target === undefined) return this.#refuse(connection, "ENOTFOUND", to, 0)
    connection.to = target.name
    if (this.#isParted(connection)) return this.#wait(connection, () => this.#resolve(from, connection, port))
    const { loop } = this.options
    loop.after(this.#travel(connection, "up"), () => {
      if (connection.dialler!.over()) return
      const listener = target.listeners.get(port)
      const open = listener?.protocol === connection.protocol && target.isUp
      if (!open || this.#of("refuse", (_, on) => hits(on, connection)) !== undefined) {
        return this.#refuse(connection, "ECONNREFUSED", address, this.#travel(connection, "down"))
      }
      const slow = this.#sum("slowAccept", connection)
      loop.after(slow, () => this.#establish(target, listener.accept, connection, address))
    })
  }

  #establish(target: Host, accept: (connection: Connection) => End, connection: Connection, address: string): void {
    const dialler = connection.dialler!
    if (dialler.over()) return
    if (!target.isUp) return this.#refuse(connection, "ECONNREFUSED", address, this.#travel(connection, "down"))
    const acceptor = accept(connection)
    this.#made(target, connection, acceptor)
    target.act(() => acceptor.connected())
    this.options.loop.after(this.#travel(connection, "down"), () => {
      if (!dialler.over()) dialler.machine.act(() => dialler.connected())
    })
  }

  #begin<E extends End>(
    from: Host,
    to: string,
    protocol: Protocol,
    make: (connection: Connection) => E,
  ): readonly [connection: Connection, dialler: E] {
    const link = `${from.name}-${to}`
    const nth = (this.#counts.get(link) ?? 0) + 1
    this.#counts.set(link, nth)
    const about = { name: `${link}#${nth}`, from: from.name, to, protocol }
    const connection = new Connection(this.options.loop, about, this.#pathOf(about))
    const end = make(connection)
    connection.dialler = end
    end.trace = this.#trace(connection, end, from)
    from.ends.add(end)
    return [connection, end]
  }

  #made(target: Host, connection: Connection, acceptor: End): void {
    connection.acceptor = acceptor
    connection.up.path = connection.down.path = this.#pathOf(connection)
    acceptor.trace = this.#trace(connection, acceptor, target)
    target.ends.add(acceptor)
    for (const way of ways) connection.pipe(way).passed = () => this.onMessage(connection)
    this.onConnection(connection)
    this.connections.add(connection)
    this.#feel(connection)
    for (const active of this.active) this.#judge(active, connection, "made")
  }

  #refuse(connection: Connection, code: string, address: string, after: number): void {
    const { dialler, name } = connection
    this.options.loop.after(after, () => {
      if (dialler!.over()) return
      this.row(connection.from, "refuse", name, code)
      dialler!.machine.act(() => dialler!.refused(failure(code, address)))
    })
  }

  #trace(connection: Connection, end: End, host: Host): End["trace"] {
    return {
      opened: () => {
        this.row(host.name, "connect", connection.name, null)
        if (end !== connection.dialler) return
        for (const active of this.active) this.#judge(active, connection, "opened")
      },
      closed: (how) => {
        this.row(host.name, "close", connection.name, how)
        host.ends.delete(end)
        if (connection.over) this.connections.delete(connection)
      },
    }
  }

  #judge(active: Active, connection: Connection, stage: Stage): void {
    if (!hits(active.on, connection)) return
    const undo = pass(this.options.loop, active.fault, connection, stage)
    if (undo !== undefined) active.undo.add(undo)
  }

  #suffer({ fault, undo }: Active, host: Host): void {
    switch (fault._tag) {
      case "crash":
        undo.add(host.crash(fault.keepState !== false))
        for (const connection of this.connections) if (connection.over) this.connections.delete(connection)
        break
      case "restart":
        host.restart()
        break
      case "pause":
        undo.add(host.pause())
        break
      case "resume":
        host.resume()
        break
      case "stall":
        undo.add(host.stall())
        break
      case "clockJump":
        host.setWall(Readable.millis(fault.by), 1)
        undo.add(() => host.setWall(-Readable.millis(fault.by), 1))
        break
      case "clockSkew":
        host.setWall(0, fault.rate)
        undo.add(() => host.setWall(0, 1 / fault.rate))
        break
      default:
    }
  }

  #end(active: Active): void {
    if (!this.active.delete(active)) return
    const { fault, on, undo } = active
    this.options.recorder.row("fault", "", "end", on, fault as unknown as Schema.Json) // as above
    for (const one of undo) one()
    // What lost bytes cannot go on: the far kernel has given it up long ago, and answers with a reset.
    const loses = swallows(fault)
    for (const connection of this.connections) {
      const here = fault._tag === "partition" ? parts(fault, on, connection) : hits(on, connection)
      if (loses && here && ways.some((way) => connection.pipe(way).holed)) connection.sever()
    }
    this.#changed()
  }

  #changed(): void {
    for (const connection of this.connections) this.#feel(connection)
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const attempt of waiting) attempt.resume()
  }

  #feel(connection: Connection): void {
    for (const way of ways) connection.pipe(way).weather = weatherOf(this.active, connection, way, this.options.chance)
  }

  #wait(connection: Connection, resume: () => void): void {
    if (!connection.dialler!.over()) this.#waiting.add({ from: connection.from, to: connection.to, resume })
  }

  #isParted(route: Route): boolean {
    for (const { fault, on } of this.active) if (fault._tag === "partition" && parts(fault, on, route)) return true
    return false
  }

  #travel(connection: Connection, way: Way): number {
    const { path } = connection.pipe(way)
    const { delay } = weatherOf(this.active, connection, way, this.options.chance)
    return Math.ceil(path.latency + path.jitter() + delay())
  }

  #sum(kind: "slowAccept", route: Route): number {
    let sum = 0
    for (const { fault, on } of this.active)
      if (fault._tag === kind && hits(on, route)) sum += Readable.millis(fault.delay)
    return sum
  }

  #of<K extends Fault["_tag"]>(
    kind: K,
    matches: (fault: Extract<Fault, { readonly _tag: K }>, on: string) => boolean,
  ): Extract<Fault, { readonly _tag: K }> | undefined {
    for (const { fault, on } of this.active) {
      if (!isOf(fault, kind)) continue
      if (matches(fault, on)) return fault
    }
    return undefined
  }

  #linkOf(link: string): Settings {
    const [a, b] = link.split("-")
    return this.#links.get(link) ?? this.#links.get(`${b}-${a}`) ?? this.#links.get("*") ?? plain
  }

  #pathOf({ from, to }: Route): Path {
    const { bandwidth, jitter, latency, window } = this.#linkOf(`${from}-${to}`)
    const { chance } = this.options
    return { bandwidth, window, latency, jitter: jitter > 0 ? () => (chance() / 2 ** 32) * jitter : none }
  }
}

const ways: ReadonlyArray<Way> = ["up", "down"]
const none = () => 0
const plain: Settings = { latency: 1, jitter: 0, window: 64 * 1024, bandwidth: Infinity }

const isOf = <K extends Fault["_tag"]>(fault: Fault, kind: K): fault is Extract<Fault, { readonly _tag: K }> =>
  fault._tag === kind

const swallows = (fault: Fault): boolean =>
  (fault._tag === "blackhole" && fault.keepOpen !== true) ||
  (fault._tag === "partition" && fault.hold !== true) ||
  fault._tag === "timeoutClose"
