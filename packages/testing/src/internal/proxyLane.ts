/**
 * One direction of a proxied connection: what is read at one end goes on to the other, through whatever faults there are. Plain code.
 *
 * Without faults it is a pipe. With them bytes wait in a queue until they are due and every gate lets them through; bytes that are due
 * and cannot go stop the reading, so that whoever sends them feels it. Order is kept always, also that of the end behind the bytes.
 */
import type { End } from "./tcp.ts"
import type { Alarm } from "./alarm.ts"

/** What a fault does to one direction of one connection. */
export interface Toxic {
  /** Milliseconds that a read takes longer, drawn for each. */
  readonly late?: () => number
  /** Milliseconds more for the end. */
  readonly lateEnd?: number
  /** Nothing is read and nothing goes on. */
  readonly holds?: true
  /** Everything that arrives is dropped, the end of the connection too. */
  readonly swallows?: true
  /** Other bytes in their place, as many. */
  readonly change?: (bytes: Uint8Array) => Uint8Array
  /** Sees every read: it may pass, pass as the last one, or be dropped. Behind the last that passes comes the `end`. */
  readonly counts?: () => "pass" | "last" | "drop"
  readonly end?: () => void
  readonly gate?: Gate
}

/** Lets so many bytes through at a time. */
export interface Gate {
  /** Of so many bytes, how many may go now; 0 is none. */
  readonly allows: (bytes: number, now: number) => number
  /** When to ask again, later than now; `Infinity` is never. */
  readonly next: (now: number) => number
  /** So many went. */
  readonly went: (bytes: number, now: number) => void
}

/** Bytes on the way that are not due yet, at most; more are not read. It bounds memory, and what a long latency can carry. */
export const mostUnderWay = 16 * 1024 * 1024

// Only the first in the queue is looked at: what is due before it waits for it, so that latency changes no order.
interface Item {
  /** Bytes, or what happens in their place. */
  bytes: Uint8Array | undefined
  readonly act: (() => void) | undefined
  due: number
}

/** One direction. */
export class Lane {
  /** Whether bytes, or the end, were swallowed: what comes later would be a stream with a hole. */
  hasLost = false
  readonly #source: End
  readonly #sink: End
  readonly #alarm: Alarm
  readonly #passed: () => void
  readonly #toxics: Array<Toxic> = []
  #queue: Array<Item> = []
  #head = 0
  #underWay = 0
  #blocked = false
  #paused = true
  #mute = false
  #started = false

  /** `passed` hears of every read that has been handed on as a whole. */
  constructor(source: End, sink: End, alarm: Alarm, passed: () => void) {
    this.#source = source
    this.#sink = sink
    this.#alarm = alarm
    this.#passed = passed
  }

  /** Begins to read. */
  start(): void {
    this.#started = true
    this.#steer()
  }

  /** Swallows whatever comes from now on, and forgets what is under way. */
  mute(): void {
    this.#mute = true
    this.#forget()
    this.#alarm.off()
    this.#steer()
  }

  /** It has a say from now on; what is under way is as late as it was. */
  add(toxic: Toxic): void {
    this.#toxics.push(toxic)
    this.#pump()
  }

  /** If it made things late, whatever is late goes on now, in order. */
  remove(toxic: Toxic): void {
    const at = this.#toxics.indexOf(toxic)
    if (at < 0) return
    this.#toxics.splice(at, 1)
    if (toxic.late !== undefined || toxic.lateEnd !== undefined) {
      const now = this.#alarm.now()
      for (let i = this.#head; i < this.#queue.length; i++) this.#queue[i]!.due = now
    }
    this.#pump()
  }

  /** The source has said this. */
  heard(bytes: Uint8Array): void {
    if (this.#mute) return
    if (this.#toxics.length === 0 && this.#head === this.#queue.length) {
      this.#blocked = !this.#sink.write(bytes)
      if (this.#blocked) this.#steer()
      return this.#passed()
    }
    let left: Uint8Array | undefined = bytes
    let late = 0
    let end: (() => void) | undefined
    for (const toxic of this.#toxics) {
      const fate = toxic.swallows ? "drop" : (toxic.counts?.() ?? "pass")
      if (fate !== "pass") end = toxic.end
      if (fate === "drop") {
        this.hasLost = true
        left = undefined
        break
      }
      if (toxic.change !== undefined) left = toxic.change(left)
      if (toxic.late !== undefined) late += toxic.late()
    }
    if (left !== undefined) this.#push(left, undefined, late)
    if (end !== undefined) this.#push(undefined, end, late)
  }

  /** The source says no more; `tell` passes that on. */
  ended(tell: () => void): void {
    if (this.#mute) return
    let late = 0
    for (const toxic of this.#toxics) {
      if (toxic.swallows) {
        this.hasLost = true
        return
      }
      late += (toxic.late?.() ?? 0) + (toxic.lateEnd ?? 0)
    }
    if (late === 0 && this.#head === this.#queue.length) tell()
    else this.#push(undefined, tell, late)
  }

  /** The sink takes more. */
  drained(): void {
    this.#blocked = false
    this.#pump()
  }

  #push(bytes: Uint8Array | undefined, act: (() => void) | undefined, late: number): void {
    this.#queue.push({ bytes, act, due: this.#alarm.now() + late })
    this.#underWay += bytes?.length ?? 0
    this.#pump()
  }

  #pump(): void {
    while (this.#started && !this.#mute && !this.#blocked && this.#head < this.#queue.length && !this.#holds()) {
      const now = this.#alarm.now()
      const item = this.#queue[this.#head]!
      const next = item.due > now ? item.due : this.#move(item, now)
      if (next <= now) continue
      if (next !== Infinity) this.#alarm.at(next, () => this.#pump())
      break
    }
    this.#steer()
  }

  /** Moves on what may go of the first in the queue; the answer is when to go on. */
  #move(item: Item, now: number): number {
    const { act, bytes } = item
    if (bytes === undefined) {
      this.#shift()
      act?.()
      return now
    }
    const toxics = this.#toxics.slice()
    let length = bytes.length
    for (const { gate } of toxics) {
      if (gate === undefined) continue
      length = gate.allows(length, now)
      if (length === 0) return gate.next(now)
    }
    if (length === bytes.length) this.#shift()
    else item.bytes = bytes.subarray(length)
    this.#underWay -= length
    this.#blocked = !this.#sink.write(length === bytes.length ? bytes : bytes.subarray(0, length))
    for (const { gate } of toxics) gate?.went(length, now)
    if (length === bytes.length) this.#passed()
    return now
  }

  #shift(): void {
    this.#head++
    if (this.#head === this.#queue.length) this.#forget()
    else if (this.#head === 1024) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
  }

  #forget(): void {
    this.#queue = []
    this.#head = 0
    this.#underWay = 0
  }

  #holds(): boolean {
    return this.#toxics.some(({ holds }) => holds)
  }

  /** Reads the source, or not. */
  #steer(): void {
    if (!this.#started) return
    const stop = !this.#mute && (this.#blocked || this.#underWay >= mostUnderWay || this.#isStuck() || this.#holds())
    if (stop === this.#paused) return
    this.#paused = stop
    if (stop) this.#source.pause()
    else this.#source.resume()
  }

  #isStuck(): boolean {
    return this.#head < this.#queue.length && this.#queue[this.#head]!.due <= this.#alarm.now()
  }
}
