/**
 * One direction of a TCP connection, from the writer's stream to the reader's kernel: bytes in order, late, and never more under way
 * than the window. Bytes are only counted; frames wait in a list until the reader has got their last byte.
 */
import { corrupted, type Frame, isMessage } from "./networkFrame.ts"
import type { Loop } from "./networkLoop.ts"
import { Outbox, type Write, type Written } from "./networkOutbox.ts"
import { fair, type Path, type Weather } from "./networkPath.ts"

/** Where a stream ends before its writer wants it: behind so many more bytes or messages, or right before that message. */
export interface Limit {
  bytes: number
  messages: number
  readonly before: boolean
  readonly reached: () => void
}

/** The end that reads. */
export interface Reader {
  /** More bytes wait in the kernel. */
  readonly readable: () => void
  /** The other end has torn the connection down. */
  readonly reset: () => void
}

interface Placed {
  readonly frame: Frame
  /** The offset in the stream behind its last byte. */
  readonly end: number
  readonly size: number
}

/** One direction. */
export class Pipe {
  path: Path
  reader: Reader = { readable: () => {}, reset: () => {} }
  /** A message has been handed to the reader. */
  passed: () => void = () => {}
  /** Something got lost: what is sent from now on is for nobody. */
  holed = false
  readonly #loop: Loop
  readonly #limits = new Set<Limit>()
  #weather: Weather = fair
  #back: Pipe = this
  #stalled = false
  #cut = false
  #detached = false
  /** Not whole yet at the reader. */
  #frames: Array<Placed> = []
  #end = 0
  #handed = 0
  #over = false
  readonly #outbox = new Outbox()
  #corked = false
  #booked = false
  #unconfirmed = 0
  #acks: Array<{ readonly at: number; readonly bytes: number }> = []
  #flight: Array<{ readonly at: number; readonly bytes: number; readonly reset: boolean }> = []
  #free = 0
  #disarm: (() => void) | undefined
  #arrived = 0
  #taken = 0

  constructor(loop: Loop, path: Path) {
    this.#loop = loop
    this.path = path
  }

  /** Acknowledgements travel the other way. */
  answers(back: Pipe): void {
    this.#back = back
    back.#back = this
  }

  /** Bytes that wait, as Node's stream counts them. */
  get buffered(): number {
    return this.#outbox.buffered
  }

  /** Bytes that wait, as libuv counts them. */
  get unsent(): number {
    return this.#outbox.unsent
  }

  /** Bytes in the reader's kernel. */
  get arrived(): number {
    return this.#arrived
  }

  get weather(): Weather {
    return this.#weather
  }

  set weather(weather: Weather) {
    const wasSlow = isSlow(this.#weather)
    this.#weather = weather
    if (weather.swallows && this.#flight.length > 0) this.freeze()
    if (wasSlow && !isSlow(weather)) this.#hurry()
    this.#arm()
    this.#goOn()
    this.#back.#goOn()
  }

  /** Writes reach the kernel in the next turn, until then. */
  cork(): void {
    this.#corked = true
    this.#book(0)
  }

  /** `undefined` writes nothing; its callback still waits for everything before. */
  write(frame: Frame | undefined, size: number, written?: Written): void {
    if (this.#detached) {
      if (written !== undefined) this.#loop.after(0, written)
      return
    }
    const late = frame?._tag === "Fin" ? this.#weather.slowClose : 0
    if (late > 0) {
      this.#loop.after(late, () => this.#put(frame, size, undefined))
      this.#put(undefined, 0, written)
    } else this.#put(frame, size, written)
  }

  /** Reads at most so many bytes; the writer may send as many more once it has heard of it. */
  take(most: number): number {
    const bytes = Math.min(most, this.#arrived)
    if (bytes === 0) return 0
    this.#arrived -= bytes
    this.#taken += bytes
    const { latency } = this.#back.path
    this.#acks.push({ at: this.#loop.now() + latency, bytes })
    if (this.#outbox.left > 0) this.#book(latency)
    return bytes
  }

  /** The next frame that is whole when the stream has been read up to this offset; of plain bytes what is there. */
  next(upTo: number): { readonly frame: Frame; readonly end: number } | undefined {
    const [first] = this.#frames
    if (first === undefined || this.#cut) return undefined
    if (first.end > upTo) return this.#part(first, upTo)
    if (isMessage(first.frame) && !this.#mayPass()) return undefined
    this.#frames.shift()
    return { frame: this.#seen(first), end: first.end }
  }

  /** Tears down: what is under way is lost, and the reader hears of it unless that is lost too. */
  reset(): void {
    if (this.#detached) return
    this.#over = true
    this.lose()
    this.#late(() => this.#send(0, true))
  }

  /** Ends the stream behind what the kernel has; the rest never leaves. */
  finish(): void {
    if (this.#detached) return
    this.#over = true
    this.#frames = this.#frames.filter(({ end }) => end <= this.#handed)
    this.#frames.push({ frame: { _tag: "Fin" }, end: this.#handed + 1, size: 1 })
    this.#late(() => this.#send(1, false))
  }

  /** Somebody on the way ends the stream behind what has arrived, with these frames; what its writer still says is for nobody. */
  detach(last: ReadonlyArray<readonly [frame: Frame, size: number]>): void {
    const here = this.#taken + this.#arrived
    this.#frames = this.#frames.filter(({ end }) => end <= here)
    let end = here
    for (const [frame, size] of last) {
      end += size
      this.#frames.push({ frame, end, size })
    }
    const gone = this.#outbox.empty()
    this.#detached = this.#over = true
    this.#cut = this.holed = false
    this.#limits.clear()
    this.#disarm?.()
    this.#disarm = undefined
    this.#flight = [
      { at: this.#loop.now() + this.path.latency + this.#weather.slowClose, bytes: end - here, reset: false },
    ]
    this.#arm()
    this.#loop.after(0, () => gone.forEach(({ written }) => written?.()))
  }

  /** The stream ends there. */
  limit(limit: Limit): () => void {
    this.#limits.add(limit)
    if (limit.bytes === 0) this.#stop(limit)
    return () => void this.#limits.delete(limit)
  }

  /** What is on the way vanishes, and what will be; nobody is told. */
  freeze(): void {
    this.holed = true
    this.#flight = []
  }

  /** Everything that has not been read is lost. */
  lose(): void {
    this.#flight = []
    this.#arrived = 0
  }

  /** The writer is gone; its callbacks hear that, as they do from Node. */
  abandon(): void {
    for (const { written } of this.#outbox.empty()) written?.(new Error("the socket was destroyed"))
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

  #put(frame: Frame | undefined, size: number, written: Written | undefined): void {
    this.#end += size
    if (frame !== undefined) this.#frames.push({ frame, end: this.#end, size })
    this.#outbox.put({ size, written })
    if (!this.#corked) this.#handOver()
  }

  #late(end: () => void): void {
    const { slowClose } = this.#weather
    if (slowClose > 0) this.#loop.after(slowClose, end)
    else end()
  }

  #part(first: Placed, upTo: number): { readonly frame: Frame; readonly end: number } | undefined {
    const there = upTo - (first.end - first.size)
    if (first.frame._tag !== "Bytes" || there <= 0) return undefined
    const { data } = first.frame
    const rest: Frame = { _tag: "Bytes", data: data.subarray(there) }
    this.#frames[0] = { frame: rest, end: first.end, size: first.size - there }
    return { frame: this.#changed({ _tag: "Bytes", data: data.subarray(0, there) }, there), end: upTo }
  }

  #seen({ frame, size }: Placed): Frame {
    const seen = this.#changed(frame, size)
    if (isMessage(frame)) this.passed()
    return seen
  }

  #changed(frame: Frame, size: number): Frame {
    const { corrupt } = this.#weather
    return corrupt === undefined ? frame : corrupted(frame, size, corrupt)
  }

  #mayPass(): boolean {
    for (const limit of this.#limits) {
      if (limit.messages === 1 && limit.before) {
        this.#cut = true
        this.#stop(limit)
        return false
      }
      if (--limit.messages > 0) continue
      this.#cut = true
      this.#stop(limit)
    }
    return true
  }

  #stop(limit: Limit): void {
    this.freeze()
    this.#limits.clear()
    this.#loop.after(0, limit.reached)
  }

  #book(delay: number): void {
    if (this.#booked) return
    this.#booked = true
    this.#loop.after(delay, () => {
      this.#booked = this.#corked = false
      this.#handOver()
    })
  }

  #goOn(): void {
    if (this.#outbox.left > 0) this.#book(0)
  }

  // Callbacks come last: what they write belongs to the next turn.
  #handOver(): void {
    if (this.#over) return
    const outbox = this.#outbox
    const written: Array<Write> = []
    this.#confirm()
    const window = Math.min(this.path.window, this.#weather.window)
    do {
      const bytes = Math.min(outbox.next(), window - this.#unconfirmed)
      if (bytes > 0) {
        outbox.take(bytes)
        this.#send(bytes, false)
      }
      if (outbox.left > 0) break
      written.push(...outbox.done())
    } while (outbox.waits)
    const [ack] = this.#acks
    if (outbox.left > 0 && ack !== undefined && this.#hears()) this.#book(ack.at - this.#loop.now())
    for (const one of written) one.written?.()
  }

  get #still(): boolean {
    return this.#stalled || this.#weather.holds
  }

  #hears(): boolean {
    const back = this.#back
    return !back.holed && !back.#still && !back.#weather.swallows
  }

  #confirm(): void {
    if (!this.#hears()) return
    while (this.#acks[0] !== undefined && this.#acks[0].at <= this.#loop.now()) {
      this.#unconfirmed -= this.#acks.shift()!.bytes
    }
  }

  #send(bytes: number, reset: boolean): void {
    this.#handed += bytes
    this.#unconfirmed += bytes
    if (this.#weather.swallows) this.freeze()
    if (this.holed) return
    const { slice } = this.#weather
    const least = Math.ceil(bytes / mostPieces)
    let rest = bytes
    do {
      const piece = slice === undefined ? rest : Math.min(rest, Math.max(least, slice.size()))
      rest -= piece
      this.#fly(piece, reset)
      if (slice !== undefined) this.#free += slice.gap
    } while (rest > 0)
    this.#arm()
  }

  #fly(bytes: number, reset: boolean): void {
    const { bandwidth, burst, delay } = this.#weather
    const free = Math.min(burst.left, bytes)
    burst.left -= free
    const speed = Math.min(this.path.bandwidth, bandwidth)
    this.#free = Math.max(this.#free, this.#loop.now()) + (bytes - free) / speed
    // Whole milliseconds: bugs live where things happen at the same instant. And never before what was sent earlier.
    const at = Math.max(
      this.#flight.at(-1)?.at ?? 0,
      Math.ceil(this.#free + this.path.latency + this.path.jitter() + delay()),
    )
    this.#flight.push({ at, bytes, reset })
  }

  // What was late because of a fault is as fast as the link from now on.
  #hurry(): void {
    this.#free = this.#loop.now()
    let last = 0
    this.#flight = this.#flight.map((segment) => {
      this.#free += segment.bytes / this.path.bandwidth
      last = Math.max(last, Math.min(segment.at, Math.ceil(this.#free + this.path.latency)))
      return { ...segment, at: last }
    })
    this.#disarm?.()
    this.#disarm = undefined
  }

  #arm(): void {
    const [first] = this.#flight
    if (this.#disarm !== undefined || this.#still || first === undefined) return
    this.#disarm = this.#loop.after(Math.max(0, first.at - this.#loop.now()), () => {
      this.#disarm = undefined
      if (!this.#still) this.#deliver()
    })
  }

  #deliver(): void {
    const before = this.#arrived
    let reset = false
    while (!reset && this.#flight[0] !== undefined && this.#flight[0].at <= this.#loop.now()) {
      const segment = this.#flight.shift()!
      this.#arrived += this.#allowed(segment.bytes)
      reset = segment.reset
    }
    this.#arm()
    if (this.#arrived > before) this.reader.readable()
    if (reset) this.reader.reset()
  }

  #allowed(bytes: number): number {
    let allowed = bytes
    for (const limit of this.#limits) {
      allowed = Math.min(allowed, limit.bytes)
      limit.bytes -= bytes
      if (limit.bytes > 0) continue
      this.#stop(limit)
      break
    }
    return allowed
  }
}

const mostPieces = 256

const isSlow = ({ bandwidth, delay, slice }: Weather): boolean =>
  delay !== fair.delay || bandwidth < fair.bandwidth || slice !== undefined
