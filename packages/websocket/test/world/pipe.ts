/**
 * One direction of a TCP connection, from the writer's stream to the reader's kernel: bytes in order, late, and never more under way
 * than the window. Bytes are only counted; frames wait in a list until the reader has got their last byte.
 */
import type { EventLoop } from "./eventLoop.ts"
import type { Frame } from "./frame.ts"

/** How one direction behaves. All of it may change while bytes are under way. */
export interface Path {
  /** Milliseconds from kernel to kernel. */
  latency: number
  /** Bytes that the two kernels and the network take before the writer has to keep its own. */
  window: number
  /** Bytes per millisecond. */
  bandwidth: number
}

/** The end that reads. */
export interface Reader {
  /** More bytes wait in the kernel. */
  readonly readable: () => void
  /** The other end has torn the connection down. */
  readonly reset: () => void
}

type Written = (error?: Error) => void
interface Write {
  readonly size: number
  readonly written: Written | undefined
}

export class Pipe {
  readonly path: Path
  reader: Reader = { readable: () => {}, reset: () => {} }
  readonly #loop: EventLoop
  readonly #corked: boolean
  #back: Pipe = this
  #frozen = false
  #stalled = false
  /** Not whole yet at the reader: the frame, and the offset in the stream behind its last byte. */
  #frames: Array<{ readonly frame: Frame; readonly end: number }> = []
  #end = 0
  #handed = 0
  #over = false
  // A stream gives the kernel everything it has at once, and counts that as buffered until all of it is taken.
  #queue: Array<Write> = []
  #queued = 0
  #batch: Array<Write> = []
  #batched = 0
  #left = 0
  #booked = false
  #unconfirmed = 0
  #acks: Array<{ readonly at: number; readonly bytes: number }> = []
  #flight: Array<{ readonly at: number; readonly bytes: number; readonly reset: boolean }> = []
  #free = 0
  #armed = false
  #arrived = 0

  /** Corked, writes reach the kernel in the next turn, as with the proxy's `cork`; else at once. */
  constructor(loop: EventLoop, path: Path, corked: boolean) {
    this.#loop = loop
    this.path = path
    this.#corked = corked
  }

  /** Acknowledgements travel the other way. */
  answers(back: Pipe): void {
    this.#back = back
    back.#back = this
  }

  /** What Node's stream says: a batch counts in full until the kernel has all of it. */
  get buffered(): number {
    return this.#queued + this.#batched
  }

  /** What libuv says. */
  get unsent(): number {
    return this.#queued + this.#left
  }

  /** Bytes in the reader's kernel. */
  get arrived(): number {
    return this.#arrived
  }

  /** `undefined` writes nothing; its callback still waits for everything before. */
  write(frame: Frame | undefined, size: number, written?: Written): void {
    this.#end += size
    if (frame !== undefined) this.#frames.push({ frame, end: this.#end })
    this.#queue.push({ size, written })
    this.#queued += size
    if (this.#corked) this.#book(0)
    else this.#handOver()
  }

  /** Reads at most so many bytes; the writer may send as many more once it has heard of it. */
  take(most: number): number {
    const bytes = Math.min(most, this.#arrived)
    if (bytes === 0) return 0
    this.#arrived -= bytes
    this.#acks.push({ at: this.#loop.now() + this.#back.path.latency, bytes })
    if (this.#left > 0) this.#book(this.#back.path.latency)
    return bytes
  }

  /** The next frame that is whole when the stream has been read up to this offset. */
  next(upTo: number): { readonly frame: Frame; readonly end: number } | undefined {
    return this.#frames[0] !== undefined && this.#frames[0].end <= upTo ? this.#frames.shift() : undefined
  }

  /** Tears down: what is under way is lost, and the reader hears of it unless that is lost too. */
  reset(): void {
    this.#over = true
    this.lose()
    this.#send(0, true)
  }

  /** Ends the stream behind what the kernel has; the rest never leaves. */
  finish(): void {
    this.#over = true
    this.#frames = this.#frames.filter(({ end }) => end <= this.#handed)
    this.#frames.push({ frame: { _tag: "Fin" }, end: this.#handed + 1 })
    this.#send(1, false)
  }

  /** What is on the way vanishes, and what will be; nobody is told. */
  freeze(): void {
    this.#frozen = true
    this.#flight = []
  }

  /** Everything that has not been read is lost. */
  lose(): void {
    this.#flight = []
    this.#arrived = 0
  }

  /** The writer is gone; its callbacks hear that, as they do from Node. */
  abandon(): void {
    const gone = [...this.#batch, ...this.#queue]
    this.#batch = []
    this.#queue = []
    this.#queued = this.#batched = this.#left = 0
    for (const { written } of gone) written?.(new Error("the socket was destroyed"))
  }

  /** Nothing arrives until `thaw`, and nothing is lost. */
  stall(): void {
    this.#stalled = true
  }

  thaw(): void {
    this.#stalled = false
    this.#arm()
    this.#back.#book(0)
  }

  #book(delay: number): void {
    if (this.#booked) return
    this.#booked = true
    this.#loop.after(delay, () => {
      this.#booked = false
      this.#handOver()
    })
  }

  // Callbacks come last: what they write belongs to the next turn.
  #handOver(): void {
    if (this.#over) return
    const written: Array<Write> = []
    this.#confirm()
    do {
      if (this.#left === 0) this.#nextBatch()
      const bytes = Math.min(this.#left, this.path.window - this.#unconfirmed)
      if (bytes > 0) this.#send(bytes, false)
      if (this.#left > 0) break
      written.push(...this.#batch)
      this.#batch = []
      this.#batched = 0
    } while (this.#queue.length > 0)
    const [ack] = this.#acks
    if (this.#left > 0 && ack !== undefined && this.#hears()) this.#book(ack.at - this.#loop.now())
    for (const one of written) one.written?.()
  }

  #nextBatch(): void {
    this.#batch = this.#queue
    this.#batched = this.#left = this.#queued
    this.#queue = []
    this.#queued = 0
  }

  #hears(): boolean {
    return !this.#back.#frozen && !this.#back.#stalled
  }

  #confirm(): void {
    if (!this.#hears()) return
    while (this.#acks[0] !== undefined && this.#acks[0].at <= this.#loop.now()) {
      this.#unconfirmed -= this.#acks.shift()!.bytes
    }
  }

  #send(bytes: number, reset: boolean): void {
    this.#left -= bytes
    this.#handed += bytes
    this.#unconfirmed += bytes
    if (this.#frozen) return
    this.#free = Math.max(this.#free, this.#loop.now()) + bytes / this.path.bandwidth
    // Whole milliseconds: bugs live where things happen at the same instant. And never before what was sent earlier.
    const at = Math.max(this.#flight.at(-1)?.at ?? 0, Math.ceil(this.#free + this.path.latency))
    this.#flight.push({ at, bytes, reset })
    this.#arm()
  }

  #arm(): void {
    const [first] = this.#flight
    if (this.#armed || this.#stalled || first === undefined) return
    this.#armed = true
    this.#loop.after(Math.max(0, first.at - this.#loop.now()), () => {
      this.#armed = false
      if (!this.#stalled) this.#deliver()
    })
  }

  #deliver(): void {
    const before = this.#arrived
    let reset = false
    while (!reset && this.#flight[0] !== undefined && this.#flight[0].at <= this.#loop.now()) {
      const segment = this.#flight.shift()!
      this.#arrived += segment.bytes
      reset = segment.reset
    }
    this.#arm()
    if (this.#arrived > before) this.reader.readable()
    if (reset) this.reader.reset()
  }
}
