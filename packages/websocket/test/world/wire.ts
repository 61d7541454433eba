/**
 * A connection of the virtual network with the proxy at one end: how it behaves, and what can happen to it. `up` is from whoever dialled
 * to whoever accepted, as it is through the whole proxy.
 */
import type { VirtualNetwork } from "@holdfast/testing"
import type { EventLoop } from "./eventLoop.ts"

export type Way = "up" | "down"
type EndOptions = Partial<Omit<VirtualNetwork.EndOptions, "client">>
type Path = Partial<Pick<VirtualNetwork.Pipe["path"], "latency" | "window" | "bandwidth">>

/** How a connection behaves. */
export interface Settings {
  /** Default: 1 ms, 64 KiB, no limit of bandwidth. */
  readonly up?: Path | undefined
  readonly down?: Path | undefined
  /** For the proxy's end; its messages have the limit its acceptor or dial says. Default: as `ws` and Node have it. */
  readonly proxy?: Omit<EndOptions, "maxPayload"> | undefined
  /** For the peer's end. */
  readonly peer?: EndOptions | undefined
}

/** How long until an end finds out that its connection was cut; `Infinity` is never. */
export interface Detection {
  /** Default 0: in the next turn. */
  readonly proxy?: number | undefined
  readonly peer?: number | undefined
}

export class Wire {
  readonly connection: VirtualNetwork.Connection
  /** The end in the proxy. */
  readonly proxy: VirtualNetwork.VirtualWebSocket
  /** The other one. */
  readonly peer: VirtualNetwork.VirtualWebSocket
  readonly #dials: boolean

  /** The proxy is the client of its upstreams, and the server of its clients. */
  constructor({ network }: EventLoop, proxyIs: "client" | "server", maxMessage: number, settings: Settings = {}) {
    // As `internal/ws.ts` sets the time for a goodbye.
    const proxy = { resets: true, closeTimeout: 10_000, ...settings.proxy, maxPayload: maxMessage }
    const peer = { resets: true, ...settings.peer }
    this.#dials = proxyIs === "client"
    const { acceptor, connection, dialler } = this.#dials
      ? network.join("proxy", "upstream", { dialler: proxy, acceptor: peer })
      : network.join("client", "proxy", { dialler: peer, acceptor: proxy })
    this.connection = connection
    this.proxy = this.#dials ? dialler : acceptor
    this.peer = this.#dials ? acceptor : dialler
    this.up.path = { ...this.up.path, ...settings.up }
    this.down.path = { ...this.down.path, ...settings.down }
    for (const end of [dialler, acceptor]) end.on("error", () => {}) // told by its close event
  }

  get up(): VirtualNetwork.Pipe {
    return this.connection.up
  }
  get down(): VirtualNetwork.Pipe {
    return this.connection.down
  }

  /** Both ways, what has not been read is lost at once, and nothing arrives any more. The ends find out in their own time. */
  cut({ peer, proxy }: Detection = {}): void {
    this.connection.sever(this.#dials ? { dialler: proxy, acceptor: peer } : { dialler: peer, acceptor: proxy })
  }

  /** What is on the way and what is still sent vanishes, for ever, and nobody is told; acknowledgements too. Default: both ways. */
  freeze(way?: Way): void {
    for (const pipe of this.#pipes(way)) pipe.freeze()
  }

  /** Nothing arrives until `thaw`; nothing is lost. Default: both ways. */
  stall(way?: Way): void {
    for (const pipe of this.#pipes(way)) pipe.stall()
  }

  thaw(way?: Way): void {
    for (const pipe of this.#pipes(way)) pipe.thaw()
  }

  /** Both ends have told their listeners that it is over. */
  get over(): boolean {
    return this.proxy.readyState === 3 && this.peer.readyState === 3
  }

  #pipes(way: Way | undefined): ReadonlyArray<VirtualNetwork.Pipe> {
    return way === undefined ? [this.up, this.down] : [this[way]]
  }
}
