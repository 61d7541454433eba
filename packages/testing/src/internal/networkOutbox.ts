/**
 * What a writer has said and its kernel has not taken, as Node's streams keep it: everything that waits is handed over at once, as a
 * batch, and counts as buffered until all of that is taken.
 */

/** Hears that the kernel has it, or never will. */
export type Written = (error?: Error) => void

/** Something that was written. */
export interface Write {
  readonly size: number
  readonly written: Written | undefined
}

/** The bytes of one writer. */
export class Outbox {
  #queue: Array<Write> = []
  #queued = 0
  #batch: Array<Write> = []
  #batched = 0
  #left = 0

  /** What Node's stream says: a batch counts in full until the kernel has all of it. */
  get buffered(): number {
    return this.#queued + this.#batched
  }
  /** What libuv says. */
  get unsent(): number {
    return this.#queued + this.#left
  }
  /** Bytes of the batch that the kernel has not taken. */
  get left(): number {
    return this.#left
  }
  /** Whether something waits behind the batch. */
  get waits(): boolean {
    return this.#queue.length > 0
  }

  put(write: Write): void {
    this.#queue.push(write)
    this.#queued += write.size
  }
  /** Makes a batch of what waits, when the last one has been taken; answers how many bytes are left of it. */
  next(): number {
    if (this.#left > 0) return this.#left
    this.#batch = this.#queue
    this.#batched = this.#left = this.#queued
    this.#queue = []
    this.#queued = 0
    return this.#left
  }
  /** The kernel takes so many bytes of the batch. */
  take(bytes: number): void {
    this.#left -= bytes
  }
  /** The batch, of which nothing is left. */
  done(): ReadonlyArray<Write> {
    const done = this.#batch
    this.#batch = []
    this.#batched = 0
    return done
  }
  /** Everything, which nobody will take any more. */
  empty(): ReadonlyArray<Write> {
    const gone = [...this.#batch, ...this.#queue]
    this.#batch = []
    this.#queue = []
    this.#queued = this.#batched = this.#left = 0
    return gone
  }
}
