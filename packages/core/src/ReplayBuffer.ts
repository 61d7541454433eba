/**
 * Numbers what is sent and keeps it until it is acknowledged. Plain code for hot loops: nothing here is an Effect.
 * It releases on acknowledgement, never on send.
 *
 * @since 0.1.0
 */
import * as Bytes from "./Bytes.ts"

/**
 * What to do with an item that does not fit. `Backpressure`: do not take it, the producer must stop. `DropNewest`: do not take it, and
 * count it. `DropOldest`: make room. `Fail`: count it, and take nothing more.
 */
export type Overflow = "Backpressure" | "DropOldest" | "DropNewest" | "Fail"

/** How much it holds. */
export interface Options {
  /** Default `1024`. */
  readonly messages?: number | undefined
  /** Default `"1MiB"`. */
  readonly bytes?: Bytes.Input | undefined
  /** Default `"Backpressure"`. */
  readonly overflow?: Overflow | undefined
}

/** Unacknowledged items, in order, with consecutive sequence numbers from 1. */
export interface ReplayBuffer<A> {
  /** The number given to the item, or `undefined` when it was not taken. */
  readonly push: (item: A, size: number) => number | undefined
  /** Gives the next number to an item that need not be kept; only an empty buffer can, else it is a bug and throws a `RangeError`. */
  readonly skip: () => number
  /** The item with that number, `undefined` when it is not held. */
  readonly get: (seq: number) => A | undefined
  /** Forgets everything up to and with `seq`; a number from the future is a bug and throws a `RangeError`. */
  readonly ack: (seq: number) => void
  /** Items from `seq` on that are still held, oldest first, as they are when it is called. */
  readonly from: (seq: number) => Iterable<readonly [seq: number, item: A]>
  /** The last number given, 0 before the first. */
  readonly last: number
  /** Items held. */
  readonly messages: number
  /** Bytes held. */
  readonly bytes: number
  /** Items given up by `DropOldest` and `DropNewest`, and the one that made `Fail` fail. */
  readonly dropped: number
  /** Whether `Fail` has happened. */
  readonly failed: boolean
}

/** An empty buffer. One item is always accepted when empty, however large. */
export const make = <A>(options: Options = {}): ReplayBuffer<A> => new Ring(options)

interface Held<A> {
  readonly seq: number
  readonly item: A
  readonly size: number
}

/** A queue with a moving head: no item is moved when another goes, and the tail is compacted when half of it is empty. */
class Ring<A> implements ReplayBuffer<A> {
  last = 0
  bytes = 0
  dropped = 0
  failed = false
  readonly #mostMessages: number
  readonly #mostBytes: number
  readonly #overflow: Overflow
  #held: Array<Held<A> | undefined> = []
  #head = 0

  constructor(options: Options) {
    this.#mostMessages = options.messages ?? 1024
    this.#mostBytes = Bytes.toNumber(options.bytes ?? "1MiB")
    this.#overflow = options.overflow ?? "Backpressure"
    if (!Number.isInteger(this.#mostMessages) || this.#mostMessages < 1) {
      throw new RangeError(`ReplayBuffer: messages must be a whole number from 1, got ${this.#mostMessages}`)
    }
  }

  get messages(): number {
    return this.#held.length - this.#head
  }

  push(item: A, size: number): number | undefined {
    if (this.failed) return undefined
    if (!this.#fits(size)) {
      switch (this.#overflow) {
        case "Backpressure":
          return undefined
        case "Fail":
          this.failed = true
          this.dropped++
          return undefined
        case "DropNewest":
          this.dropped++
          return undefined
        case "DropOldest":
          while (!this.#fits(size)) {
            this.#shift()
            this.dropped++
          }
      }
    }
    this.#held.push({ seq: ++this.last, item, size })
    this.bytes += size
    return this.last
  }

  skip(): number {
    if (this.messages > 0) throw new RangeError(`ReplayBuffer: cannot skip a number behind ${this.messages} items held`)
    return ++this.last
  }

  get(seq: number): A | undefined {
    return this.#held[this.#head + seq - (this.last - this.messages + 1)]?.item
  }

  ack(seq: number): void {
    if (seq > this.last) throw new RangeError(`ReplayBuffer: ${seq} is acknowledged, but only ${this.last} were sent`)
    while (this.messages > 0 && this.#held[this.#head]!.seq <= seq) this.#shift()
  }

  *from(seq: number): Iterable<readonly [seq: number, item: A]> {
    for (const held of this.#held.slice(this.#head)) if (held!.seq >= seq) yield [held!.seq, held!.item]
  }

  #fits(size: number): boolean {
    const { messages } = this
    return messages === 0 || (messages < this.#mostMessages && this.bytes + size <= this.#mostBytes)
  }

  #shift(): void {
    this.bytes -= this.#held[this.#head]!.size
    this.#held[this.#head++] = undefined
    if (this.#head * 2 < this.#held.length) return
    this.#held = this.#held.slice(this.#head)
    this.#head = 0
  }
}
