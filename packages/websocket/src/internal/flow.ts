/**
 * One way through a session: what arrives is numbered, handed to whoever is connected, and held while nobody can take it. Under
 * `replay` it is held until it is confirmed. Knows nothing of losses and goodbyes: that is the session. Plain code.
 */
import * as ReplayBuffer from "@holdfast/core/ReplayBuffer"
import type { Frame } from "../Transport.ts"
import type { Outlet, Range } from "./outlet.ts"
import * as Payload from "./payload.ts"
import type { Traffic } from "./traffic.ts"

/** How much a flow may hold before its producers are not read any more. */
export interface Marks {
  readonly messages: number
  readonly bytes: number
}

export interface Options {
  readonly marks: Marks
  /** Messages are held until they are confirmed, and sent again to whoever comes next. */
  readonly replay: boolean
  readonly traffic: Traffic
  /** The producers are to be read, or not. */
  onPressure(paused: boolean): void
  /** Nothing waits any more that was never sent on. */
  onHanded?(): void
}

/** The producers are stopped instead, and what they had sent by then is taken. */
const unbounded = { messages: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER } as const

const none: ReadonlyArray<Outlet> = []

interface Held {
  readonly frame: Frame
  /** Somebody has been sent it. */
  sent: boolean
}

/** One way. */
export class Flow {
  readonly #options: Options
  readonly #traffic: Traffic
  readonly #buffer = ReplayBuffer.make<Held>(unbounded)
  /** One as a rule; replaced, never changed, so that whoever goes through it may part with them. */
  #outlets: ReadonlyArray<Outlet> = none
  /** The only outlet, when there is one and nothing stands between it and the producers. */
  #open: Outlet | undefined
  /** Behind which message the next outlet starts while there is none: nobody gets what another has got. */
  #after = 0
  #waiting = 0
  #abandoned = 0
  #locked = false
  #paused = false
  #over = false
  #leaving: Array<readonly [outlet: Outlet, handed: () => void]> | undefined

  constructor(options: Options) {
    this.#options = options
    this.#traffic = options.traffic
  }

  /** Messages in memory. */
  get heldMessages(): number {
    return this.#buffer.messages
  }

  /** Their payload, and so much of the memory they pin. */
  get heldBytes(): number {
    return this.#buffer.bytes
  }

  /** Messages that were never sent on. */
  get waiting(): number {
    return this.#waiting
  }

  /** Messages that were given up since the last call, because the only one who was to get them is gone. */
  takeAbandoned(): number {
    const abandoned = this.#abandoned
    this.#abandoned = 0
    return abandoned
  }

  /** Whether the producers are stopped. */
  get paused(): boolean {
    return this.#paused
  }

  /** The outlet that holds the others up, while the producers are stopped for it. */
  get slowest(): Outlet | undefined {
    if (!this.#paused || this.#locked) return undefined
    let slowest: Outlet | undefined
    for (const outlet of this.#outlets) {
      if (slowest === undefined || this.#done(outlet) < this.#done(slowest)) slowest = outlet
    }
    return slowest
  }

  /** A message arrived. */
  push(frame: Frame): void {
    const traffic = this.#traffic
    if (this.#over) return this.refuse(frame)
    traffic.messages++
    traffic.bytes += frame.size
    if (this.#open?.hand(frame) === true || this.#offer(frame)) {
      this.#after = this.#buffer.skip()
      traffic.sent++
    }
  }

  /** A message arrived from somebody who has been told goodbye. */
  refuse(frame: Frame): void {
    const traffic = this.#traffic
    traffic.messages++
    traffic.bytes += frame.size
    traffic.lost++
  }

  /** From now on it takes what comes, and what waits if it is the only one. */
  attach(outlet: Outlet): void {
    outlet.start(this.#outlets.length === 0 ? this.#after : this.#buffer.last)
    this.#outlets = this.#outlets.length === 0 ? [outlet] : [...this.#outlets, outlet]
    this.flush(outlet)
  }

  /** It takes nothing more; the answer is what it may not have delivered, which is sent again under `replay` if nobody else has it. */
  detach(outlet: Outlet): Range | undefined {
    if (!this.#outlets.includes(outlet)) return undefined
    this.#outlets = this.#outlets.length === 1 ? none : this.#outlets.filter((other) => other !== outlet)
    outlet.stop()
    this.#settle()
    return outlet.uncertain
  }

  /** The outlet is told goodbye: it takes nothing more, and with the last one nothing goes through. */
  retire(outlet: Outlet): void {
    this.detach(outlet)
    if (this.#outlets.length === 0) this.stop()
  }

  /** The outlet can take more. */
  flush(outlet: Outlet): void {
    if (!this.#outlets.includes(outlet)) return
    if (!this.#locked) {
      for (let held = this.#buffer.get(outlet.next); held !== undefined; held = this.#buffer.get(outlet.next)) {
        if (!outlet.hand(held.frame)) break
        this.#sentOn(held)
      }
      if (!this.#options.replay) this.#got(outlet)
    }
    this.#settle()
  }

  /** The peer of the outlet has everything up to this number. */
  confirm(outlet: Outlet, mark: number): void {
    outlet.confirm(mark)
    if (!this.#options.replay) return
    this.#got(outlet)
    this.#settle()
  }

  /** Gives up the oldest message in memory. */
  dropOldest(): void {
    const oldest = this.#buffer.last - this.heldMessages + 1
    for (const outlet of this.#outlets) outlet.next = Math.max(outlet.next, oldest + 1)
    this.#release(oldest)
    this.#settle()
  }

  /** Nothing is sent on until it is unlocked. */
  lock(): void {
    this.#locked = true
    this.#settle()
  }

  unlock(): void {
    this.#locked = false
    for (const outlet of this.#outlets) this.flush(outlet)
  }

  /** Nothing goes through any more: what was never sent on is lost. */
  stop(): void {
    if (this.#over) return
    this.#over = true
    this.#release(this.#buffer.last)
    this.#settle()
  }

  /** Calls back when the outlet has been given everything, or will not be. */
  whenHanded(outlet: Outlet, callback: () => void): void {
    this.#leaving ??= []
    this.#leaving.push([outlet, callback])
    this.#settle()
  }

  #isHanded(outlet: Outlet): boolean {
    return this.#over || this.#locked || !this.#outlets.includes(outlet) || outlet.next > this.#buffer.last
  }

  // To everybody who is up to date; held for those who are not, or cannot take it. `true`: nobody needs it any more.
  #offer(frame: Frame): boolean {
    const { replay } = this.#options
    const traffic = this.#traffic
    const seq = this.#buffer.last + 1
    let [all, any] = [!replay && !this.#locked && this.#outlets.length > 0, false]
    for (const outlet of this.#outlets) {
      if (!this.#locked && outlet.next === seq && outlet.hand(frame)) any = true
      else all = false
    }
    if (any && !replay) this.#after = seq
    if (all) return true
    const held = { frame: Payload.detached(frame), sent: false }
    this.#buffer.push(held, held.frame.size)
    this.#waiting++
    traffic.heldMessages++
    traffic.heldBytes += held.frame.size
    if (any) this.#sentOn(held)
    this.#settle()
    return false
  }

  /** What an outlet has got, others need not; but where it began says nothing of what came before. */
  #got(outlet: Outlet): void {
    const done = this.#done(outlet)
    if (done > outlet.began) this.#after = Math.max(this.#after, done)
  }

  #sentOn(held: Held): void {
    if (held.sent) return
    held.sent = true
    this.#waiting--
    this.#traffic.sent++
    if (this.#waiting === 0) this.#options.onHanded?.()
  }

  /** Up to where the outlet needs nothing any more. */
  #done(outlet: Outlet): number {
    return this.#options.replay ? outlet.confirmed : outlet.next - 1
  }

  // After every change: what nobody needs goes, and the producers are told if they are to stop or to go on.
  #settle(): void {
    let done = this.#outlets.length === 0 ? this.#after : Number.POSITIVE_INFINITY
    for (const outlet of this.#outlets) done = Math.min(done, this.#done(outlet))
    this.#release(done)
    const [sole] = this.#outlets
    const free = !this.#locked && !this.#options.replay && this.#buffer.messages === 0 && this.#outlets.length === 1
    this.#open = free ? sole : undefined
    this.#regulate()
    const leaving = this.#leaving
    if (leaving === undefined) return
    this.#leaving = leaving.filter(([outlet]) => !this.#isHanded(outlet))
    for (const [outlet, handed] of leaving) if (this.#isHanded(outlet)) handed()
  }

  #release(upTo: number): void {
    const { heldBytes, heldMessages } = this
    const last = Math.min(upTo, this.#buffer.last)
    const first = this.#buffer.last - heldMessages + 1
    if (last < first) return
    let unsent = 0
    if (this.#waiting > 0) for (let seq = first; seq <= last; seq++) if (this.#buffer.get(seq)?.sent === false) unsent++
    this.#buffer.ack(last)
    this.#after = Math.max(this.#after, last)
    const traffic = this.#traffic
    this.#waiting -= unsent
    this.#abandoned += unsent
    traffic.lost += unsent
    traffic.heldMessages -= heldMessages - this.heldMessages
    traffic.heldBytes -= heldBytes - this.heldBytes
  }

  // Stopped at the marks, or as soon as somebody who is there cannot take more; goes on when that is over, below half the marks.
  #regulate(): void {
    const { marks, replay } = this.#options
    let behind = false
    if (!this.#locked) for (const outlet of this.#outlets) behind ||= outlet.next <= this.#buffer.last
    const factor = this.#paused ? 0.5 : 1
    const full = this.heldMessages >= marks.messages * factor || this.heldBytes >= marks.bytes * factor
    const paused = !this.#over && this.heldMessages > 0 && (behind || full)
    // Nothing more comes that would bring a barrier with it.
    if (paused && replay) for (const outlet of this.#outlets) outlet.ask()
    if (paused === this.#paused) return
    this.#paused = paused
    this.#options.onPressure(paused)
  }
}
