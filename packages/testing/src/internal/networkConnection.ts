/**
 * A virtual connection: two ends, two pipes, and how it can end without either of them wanting it. `up` is from whoever dialled to
 * whoever accepted.
 */
import { type End, fin } from "./networkEnd.ts"
import type { Loop } from "./networkLoop.ts"
import type { Path } from "./networkPath.ts"
import { type Limit, Pipe } from "./networkPipe.ts"

/** A direction of one connection. */
export type Way = "up" | "down"

/** What a connection carries. */
export type Protocol = "webSocket" | "bytes" | "messages"

/** A connection, from the first packet on. */
export class Connection {
  /** `client-server#3`, the same in every row about it. */
  readonly name: string
  readonly from: string
  /** Who it reaches, which is not whose name was dialled if the address has changed. */
  to: string
  readonly protocol: Protocol
  readonly up: Pipe
  readonly down: Pipe
  dialler: End | undefined
  acceptor: End | undefined
  readonly #loop: Loop

  constructor(
    loop: Loop,
    about: { readonly name: string; readonly from: string; readonly to: string; readonly protocol: Protocol },
    path: Path,
  ) {
    this.name = about.name
    this.from = about.from
    this.to = about.to
    this.protocol = about.protocol
    this.#loop = loop
    this.up = new Pipe(loop, path)
    this.down = new Pipe(loop, path)
    this.up.answers(this.down)
  }

  pipe(way: Way): Pipe {
    return way === "up" ? this.up : this.down
  }

  /** Both ends have told that it is over. */
  get over(): boolean {
    return this.dialler?.over() !== false && this.acceptor?.over() !== false
  }

  /** Both ways, what has not been read is lost at once, and nothing arrives any more. The ends find out, in the next turn or later. */
  sever(detection: { readonly dialler?: number | undefined; readonly acceptor?: number | undefined } = {}): void {
    for (const pipe of [this.up, this.down]) {
      pipe.freeze()
      pipe.lose()
    }
    for (const side of ["dialler", "acceptor"] as const) {
      const after = detection[side] ?? 0
      if (after < Infinity) this.#loop.after(after, () => this.#tell(this[side]))
    }
  }

  /** Ends both streams behind what has arrived, with the last words of the protocol if a code is given. */
  finish(code?: number, reason = ""): void {
    const words = (end: End | undefined) => (code === undefined ? [fin] : (end?.goodbye(code, reason) ?? [fin]))
    this.up.detach(words(this.acceptor))
    this.down.detach(words(this.dialler))
  }

  /** Ends one or both streams there; the answer takes it back. */
  limit(ways: ReadonlyArray<Way>, make: () => Limit): () => void {
    const undo = ways.map((way) => this.pipe(way).limit(make()))
    return () => undo.forEach((one) => one())
  }

  #tell(end: End | undefined): void {
    end?.machine.act(() => end.die())
  }
}
