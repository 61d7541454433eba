/**
 * The two ends of a connection whose messages are closures, for protocols that the network knows nothing about.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Chance } from "./chance.ts"
import { type End, fin, type Machine, type Trace } from "./networkEnd.ts"
import type { Pipe } from "./networkPipe.ts"

/** Chances of what may happen to a message now. */
export interface Mischief {
  readonly loss: number
  readonly duplicate: number
  readonly reorder: number
}

/** One end. It reads whatever comes, at once, unless its machine does not read. */
export class ParcelEnd implements End {
  trace: Trace = { opened: () => {}, closed: () => {} }
  onConnected: (error?: Error) => void = () => {}
  readonly machine: Machine
  isOpen = false
  readonly #cut = Deferred.makeUnsafe<string>()
  /** Completes with a word about why it is over. */
  readonly why: Effect.Effect<string> = Deferred.await(this.#cut)
  readonly #out: Pipe
  readonly #in: Pipe
  readonly #writable = new Set<() => void>()
  #held: { readonly size: number; readonly deliver: () => void } | undefined
  #parsed = 0
  #over = false

  constructor(machine: Machine, out: Pipe, incoming: Pipe) {
    this.machine = machine
    this.#out = out
    this.#in = incoming
    incoming.reader = {
      readable: () => machine.act(() => this.wake()),
      reset: () => machine.act(() => this.#end("reset")),
    }
  }

  connected(): void {
    this.isOpen = true
    this.trace.opened()
    this.onConnected()
  }
  refused(error: Error): void {
    this.#end(error.message)
    this.onConnected(error)
  }
  wake(): void {
    if (!this.machine.reads()) return
    for (let bytes = this.#in.take(Infinity); bytes > 0; bytes = this.#in.take(Infinity)) {
      this.#parsed += bytes
      for (let next = this.#in.next(this.#parsed); next !== undefined; next = this.#in.next(this.#parsed)) {
        if (next.frame._tag === "Parcel") next.frame.deliver()
        else if (next.frame._tag === "Fin") this.#end("closed")
        else if (next.frame._tag === "Garbage") this.hangUp("corrupted")
      }
    }
  }
  die(): void {
    this.#end("reset")
  }
  abort(): void {
    if (!this.#over) this.#out.reset()
    this.#over = true
    Deferred.doneUnsafe(this.#cut, Effect.succeed("crashed"))
  }
  over(): boolean {
    return this.#over
  }
  goodbye() {
    return [fin]
  }

  /** `false`: the queue is full, or there is no connection any more. */
  carry(size: number, deliver: () => void, mischief: Mischief, chance: Chance): boolean {
    if (this.#over) return false
    const luck = (p: number) => p > 0 && chance() < p * 2 ** 32
    if (luck(mischief.loss)) return this.#out.buffered === 0
    const held = this.#held
    this.#held = undefined
    if (held === undefined && luck(mischief.reorder)) this.#held = { size, deliver }
    else {
      this.#put(size, deliver)
      if (luck(mischief.duplicate)) this.#put(size, deliver)
    }
    if (held !== undefined) this.#put(held.size, held.deliver)
    return this.#out.buffered === 0
  }
  /** Completes when the queue has room, or never will. */
  readonly writable: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.#over || this.#out.buffered === 0) return resume(Effect.void)
    const done = () => resume(Effect.void)
    this.#writable.add(done)
    return Effect.sync(() => this.#writable.delete(done))
  })
  hangUp(why: string): void {
    if (this.#over) return
    this.#out.finish()
    this.#end(why)
  }

  #put(size: number, deliver: () => void): void {
    this.#out.write({ _tag: "Parcel", size, deliver }, size, () => this.machine.act(() => this.#drained()))
  }
  #drained(): void {
    if (this.#out.buffered > 0) return
    for (const done of this.#writable) done()
    this.#writable.clear()
  }
  #end(why: string): void {
    if (this.#over) return
    this.#over = true
    this.#out.abandon()
    this.#drained()
    this.trace.closed(why)
    Deferred.doneUnsafe(this.#cut, Effect.succeed(why))
  }
}
