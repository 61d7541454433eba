/**
 * The clients that are connected to one session: one as a rule, any number in a receiver. And the token that one of them was given and
 * may not have got yet. Plain code.
 */
import type * as CloseCode from "./closeCode.ts"
import type { Hop } from "./hop.ts"
import type { Outlet, Range } from "./outlet.ts"
import type { Shared } from "./shared.ts"

const nobody: ReadonlyArray<Hop> = []

/** Nobody yet. */
export class Clients {
  readonly #shared: Pick<Shared, "fork" | "resized">
  /** One as a rule; replaced, never changed, so that whoever goes through it may part with them. */
  #hops: ReadonlyArray<Hop> = nobody
  /** Told goodbye, and perhaps not gone yet. */
  #leaving: ReadonlyArray<Hop> = nobody
  /** The turn of the newest token that somebody has come with. */
  turn = 0
  #unsettled: { readonly hop: Hop; readonly turn: number } | undefined

  constructor(shared: Pick<Shared, "fork" | "resized">) {
    this.#shared = shared
  }

  get size(): number {
    return this.#hops.length
  }

  /** Those that are there now; they may go meanwhile. */
  all(): ReadonlyArray<Hop> {
    return this.#hops
  }

  add(hop: Hop): void {
    this.#hops = this.size === 0 ? [hop] : [...this.#hops, hop]
    this.#shared.resized(1, this.size)
  }

  remove(hop: Hop): void {
    if (this.#hops.includes(hop)) {
      this.#hops = this.size === 1 ? nobody : this.#hops.filter((other) => other !== hop)
      this.#shared.resized(-1, this.size)
    }
    if (this.#unsettled?.hop === hop) this.#unsettled = undefined
  }

  /** It goes, and is told why. The answer is what it may not have got. */
  release(hop: Hop, { code, reason }: CloseCode.Goodbye): Range | undefined {
    const uncertain = hop.leave()
    this.remove(hop)
    this.#leaving = [...this.#leaving.filter(({ isOver }) => !isOver), hop]
    this.#shared.fork(hop.transport.close(code, reason))
    return uncertain
  }

  pause(paused: boolean): void {
    for (const hop of this.#hops) hop.pause(paused)
  }

  of(outlet: Outlet): Hop | undefined {
    return this.#hops.find((hop) => hop.outlet === outlet)
  }

  /** Bytes that were sent and that the sockets still hold. */
  get unsentBytes(): number {
    let unsent = 0
    for (const { transport } of this.#hops) unsent += transport.unsentBytes()
    return unsent
  }

  /** Whoever holds most of them. */
  get furthestBehind(): Hop | undefined {
    return this.#hops.toSorted((a, b) => b.transport.unsentBytes() - a.transport.unsentBytes())[0]
  }

  /** It was given the token of that turn. */
  given(hop: Hop, turn: number): void {
    this.#unsettled = { hop, turn }
  }

  /** It has spoken: the turn of the token that has arrived by that, the first time. */
  settle(hop: Hop): number | undefined {
    if (this.#unsettled?.hop !== hop) return undefined
    const { turn } = this.#unsettled
    this.#unsettled = undefined
    return turn
  }

  /** Whoever has not answered the goodbye is cut. */
  over(): void {
    for (const { transport } of this.#leaving) transport.cut()
    this.#leaving = nobody
  }

  /** No token is to arrive any more. */
  forget(): void {
    this.#unsettled = undefined
  }
}
