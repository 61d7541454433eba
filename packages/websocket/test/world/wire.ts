/**
 * A virtual connection: two ends, two pipes, and what can happen to the network between them. `up` is from whoever dialled to whoever
 * accepted, as it is through the whole proxy.
 */
import type { EventLoop } from "./eventLoop.ts"
import { type Path, Pipe } from "./pipe.ts"
import { type EndOptions, VirtualSocket } from "./virtualSocket.ts"

export type Way = "up" | "down"

/** How a connection behaves. */
export interface Settings {
  /** Default: 1 ms, 64 KiB, no limit of bandwidth. */
  readonly up?: Partial<Path> | undefined
  readonly down?: Partial<Path> | undefined
  /** For the proxy's end; its messages have the limit its acceptor or dial says. Default: as `ws` and Node have it. */
  readonly proxy?: Partial<Omit<EndOptions, "client" | "maxMessage">> | undefined
  /** For the peer's end. */
  readonly peer?: Partial<Omit<EndOptions, "client">> | undefined
}

/** How long until an end finds out that its connection was cut; `Infinity` is never. */
export interface Detection {
  /** Default 0: in the next turn. */
  readonly proxy?: number | undefined
  readonly peer?: number | undefined
}

export class Wire {
  readonly up: Pipe
  readonly down: Pipe
  /** The end in the proxy. */
  readonly proxy: VirtualSocket
  /** The other one. */
  readonly peer: VirtualSocket
  readonly #loop: EventLoop

  /** The proxy is the client of its upstreams, and the server of its clients. */
  constructor(loop: EventLoop, proxyIs: "client" | "server", maxMessage: number, settings: Settings = {}) {
    const dials = proxyIs === "client"
    this.#loop = loop
    this.up = new Pipe(loop, { ...path, ...settings.up }, dials)
    this.down = new Pipe(loop, { ...path, ...settings.down }, !dials)
    this.up.answers(this.down)
    const [out, back] = dials ? [this.up, this.down] : [this.down, this.up]
    this.proxy = new VirtualSocket(loop, out, back, {
      ...end,
      closeTimeout: 10_000, // as `internal/ws.ts` sets it
      ...settings.proxy,
      maxMessage,
      client: dials,
    })
    this.peer = new VirtualSocket(loop, back, out, { ...end, ...settings.peer, client: !dials })
  }

  /** Both ways, what has not been read is lost at once, and nothing arrives any more. The ends find out in their own time. */
  cut({ peer = 0, proxy = 0 }: Detection = {}): void {
    for (const pipe of [this.up, this.down]) {
      pipe.freeze()
      pipe.lose()
    }
    if (proxy < Infinity) this.#loop.after(proxy, () => this.proxy.die())
    if (peer < Infinity) this.#loop.after(peer, () => this.peer.die())
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

  #pipes(way: Way | undefined): ReadonlyArray<Pipe> {
    return way === undefined ? [this.up, this.down] : [this[way]]
  }
}

const path: Path = { latency: 1, window: 64 * 1024, bandwidth: Infinity }
const end: EndOptions = {
  client: false,
  readAhead: 64 * 1024,
  maxMessage: 100 * 1024 * 1024,
  closeTimeout: 30_000,
  autoPong: true,
  resets: true,
}
