/**
 * What the flows and the connections of a session ask of it. There are very many sessions: an object that points to its session is a
 * fraction of what closures would be. Plain code.
 */
import type { CloseInfo, Frame, Transport } from "../Transport.ts"
import type * as Flow from "./flow.ts"
import type * as Hop from "./hop.ts"
import type { Range } from "./outlet.ts"
import type { Shared } from "./shared.ts"

/** What a session hears from its sides. */
export interface Host {
  readonly shared: Shared
  readonly up: Flow.Flow
  readonly down: Flow.Flow
  /** What goes to that side is to be read, or not. */
  pressed(to: Side, paused: boolean): void
  /** Nothing waits for that side any more. */
  handed(to: Side): void
  /** Bytes of unfinished messages more, or fewer. */
  book(change: number): void
  clientSays(frame: Frame, hop: Hop.Hop): void
  clientLives(hop: Hop.Hop): void
  clientEnded(end: CloseInfo, uncertain: Range | undefined, hop: Hop.Hop): void
  upstreamSays(frame: Frame): void
  upstreamEnded(end: CloseInfo, uncertain: Range | undefined): void
}

/** Who is at the end of a flow. */
export type Side = "client" | "upstream"

/** The flow to one side. */
export class Way implements Flow.Options {
  readonly #host: Host
  readonly #to: Side

  constructor(host: Host, to: Side) {
    this.#host = host
    this.#to = to
  }

  get marks() {
    return this.#host.shared.rules.marks
  }

  get replay() {
    return this.#host.shared.rules.uncertain === "replay"
  }

  get traffic() {
    const { down, up } = this.#host.shared
    return this.#to === "client" ? down : up
  }

  onPressure(paused: boolean): void {
    this.#host.pressed(this.#to, paused)
  }

  onHanded(): void {
    this.#host.handed(this.#to)
  }
}

class End {
  readonly transport: Transport
  readonly host: Host

  constructor(host: Host, transport: Transport) {
    this.host = host
    this.transport = transport
  }

  get wheel() {
    return this.host.shared.wheel
  }

  get beat() {
    return this.host.shared.rules.beat
  }

  get bufferBytes() {
    return this.host.shared.rules.marks.bytes
  }

  unfinished(change: number): void {
    this.host.book(change)
  }
}

/** A client's connection. */
export class ClientEnd extends End implements Hop.Options {
  readonly released: () => void

  constructor(host: Host, transport: Transport, released: () => void) {
    super(host, transport)
    this.released = released
  }

  get outOf() {
    return this.host.down
  }

  frame(frame: Frame, from: Hop.Hop): void {
    this.host.clientSays(frame, from)
  }

  late(frame: Frame): void {
    this.host.up.refuse(frame)
  }

  alive(from: Hop.Hop): void {
    this.host.clientLives(from)
  }

  ended(end: CloseInfo, uncertain: Range | undefined, from: Hop.Hop): void {
    this.host.clientEnded(end, uncertain, from)
  }
}

/** The upstream's. */
export class UpstreamEnd extends End implements Hop.Options {
  get outOf() {
    return this.host.up
  }

  frame(frame: Frame): void {
    this.host.upstreamSays(frame)
  }

  late(frame: Frame): void {
    this.host.down.refuse(frame)
  }

  ended(end: CloseInfo, uncertain: Range | undefined): void {
    this.host.upstreamEnded(end, uncertain)
  }
}
