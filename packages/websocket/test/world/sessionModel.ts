/**
 * What a session has been through, as told by its connections: who got which message, what was confirmed, who was away. It follows
 * along and complains about what must never be; it decides nothing.
 */
import type { CloseInfo, Frame } from "../../src/Transport.ts"
import type { Peer } from "./peer.ts"
import { type Hop, type Plan } from "./sessionPlan.ts"
import type { Wire } from "./wire.ts"

export type Range = readonly [first: number, last: number]

/** What a model needs to know of the world. */
export interface Around {
  readonly plan: Plan
  readonly now: () => number
  readonly expect: (holds: boolean, what: () => string) => void
  readonly draining: () => boolean
}

/** A payload says who it is. */
export const idOf = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(46)
  return Buffer.from(bytes.buffer, bytes.byteOffset, end < 0 ? bytes.byteLength : end).toString("latin1")
}

/** One way through a session. */
export class Way {
  /** Who is at its end. */
  readonly to: Hop
  /** Messages that the proxy has taken; the last one's number. */
  accepted = 0
  bytes = 0
  /** Taken, and not numbered. */
  refused = 0
  /** By number. */
  readonly sizes: Array<number> = [0]
  readonly acceptedAt: Array<number> = [0]
  readonly numbers = new Map<string, ReadonlyArray<number>>()
  /** What was ever sent on, to anybody. */
  readonly sent = new Set<number>()
  /** Where the next connection starts. */
  after = 0
  released = 0
  releasedBytes = 0
  /** Bytes and messages taken since it was full. */
  excess: ReadonlyArray<number> = []
  /** Given up, because the only one who was to get it is gone; told of so many. */
  readonly abandoned: Array<number> = []
  told = 0
  readonly lines = new Set<Line>()
  readonly #around: Around

  constructor(to: Hop, around: Around) {
    this.to = to
    this.#around = around
  }

  get waiting(): number {
    return this.accepted - this.sent.size - this.abandoned.length
  }
  get held(): number {
    return this.accepted - this.released
  }
  get heldBytes(): number {
    return this.bytes - this.releasedBytes
  }

  /** Only greetings are said twice; then it is the one that is due, if it is one of them. */
  numberOf(id: string, due: number): number | undefined {
    const numbers = this.numbers.get(id)
    return numbers?.includes(due) === true ? due : numbers?.[0]
  }

  /** From somebody who has been told goodbye: it goes nowhere. */
  refuse(frame: Frame): void {
    this.refused++
    this.bytes += frame.size
    this.releasedBytes += frame.size
  }

  /** Over, it holds nothing any more. */
  accept(frame: Frame, readSize: number, closing: boolean, exempt: boolean): void {
    const { expect, now, plan } = this.#around
    const seq = ++this.accepted
    this.acceptedAt.push(now())
    const id = idOf(frame.bytes())
    this.numbers.set(id, [...(this.numbers.get(id) ?? []), seq])
    this.sizes.push(frame.size)
    this.bytes += frame.size
    const over = closing && this.lines.size === 0
    const full = !over && (this.held - 1 >= plan.bufferMessages || this.heldBytes - frame.size >= plan.bufferBytes)
    this.excess = full ? [...this.excess, frame.size] : []
    if (exempt) return void (this.excess = [])
    const excess = this.excess.reduce((sum, size) => sum + size, 0)
    expect(
      this.excess.length <= 1 || excess <= readSize,
      () => `6: ${this.excess.length} messages, ${excess} bytes were taken when the buffer to the ${this.to} was full`,
    )
  }

  /** What somebody has got, others need not. */
  got(line: Line): void {
    if (line.done >= line.start) this.after = Math.max(this.after, line.done)
    this.release()
  }

  /** Up to where nobody needs it any more. */
  release(): void {
    let done = this.lines.size === 0 ? this.after : Infinity
    for (const line of this.lines) done = Math.min(done, line.done)
    while (this.released < Math.min(done, this.accepted)) {
      this.releasedBytes += this.sizes[++this.released]!
      if (!this.sent.has(this.released)) this.abandoned.push(this.released)
    }
    this.after = Math.max(this.after, this.released)
  }
}

/** One connection of a session. */
export class Line {
  readonly hop: Hop
  readonly chat: Chat
  readonly wire: Wire | undefined
  readonly openedAt: number
  /** The application behind it, once its library is open. */
  peer: Peer | undefined
  /** Of the token it was given. */
  turn: number
  state: "new" | "current" | "fenced" | "told" | "ended" = "new"
  /** The next number to be sent on it. */
  next = 0
  start = 0
  confirmed = 0
  /** The proxy does not read from it. */
  paused = false
  pausedAt = 0
  resumedAt = 0
  endedAt = 0
  end: CloseInfo | undefined
  told: { readonly code: number; readonly reason: string; readonly at: number } | undefined
  cutAt: number | undefined
  frozenAt: number | undefined
  /** When anything last moved towards its peer. */
  movedAt = 0
  progress = ""
  unsent = 0
  heardAt = 0
  graceAt = 0
  heard = 0
  greeted = false
  /** It is taken, or sent away. */
  onUsed = () => {}
  /** Something was done to it that may keep its peer from answering. */
  troubled = false
  readonly #around: Around
  #marks: Array<number> = []
  #behind = 0
  #behindBytes = 0
  #behindSince = 0

  constructor(hop: Hop, chat: Chat, wire: Wire | undefined, turn: number, around: Around) {
    this.hop = hop
    this.chat = chat
    this.wire = wire
    this.turn = turn
    this.#around = around
    this.openedAt = around.now()
  }

  /** What is sent on it. */
  get way(): Way {
    return this.hop === "client" ? this.chat.down : this.chat.up
  }
  /** What it sends. */
  get from(): Way {
    return this.hop === "client" ? this.chat.up : this.chat.down
  }
  get done(): number {
    return this.#around.plan.uncertain === "replay" ? this.confirmed : this.next - 1
  }
  get uncertain(): Range | null {
    return this.confirmed + 1 < this.next ? [this.confirmed + 1, this.next - 1] : null
  }
  get name(): string {
    return `${this.chat.id} ${this.hop} since ${this.openedAt}`
  }

  /** The session uses it from now on. */
  begin(): void {
    if (this.state !== "new") return
    const { expect, now } = this.#around
    const { lines } = this.way
    this.state = "current"
    this.onUsed()
    this.movedAt = now()
    expect(
      this.chat.isShared || lines.size === 0,
      () => `9: ${this.name} is taken while ${[...lines][0]?.name} is there`,
    )
    this.start = this.next = (lines.size === 0 ? this.way.after : this.way.accepted) + 1
    this.confirmed = this.next - 1
    this.chat.began(this)
    lines.add(this)
  }

  wrote(frame: Frame): void {
    const { expect, now } = this.#around
    const id = idOf(frame.bytes())
    const seq = this.way.numberOf(id, this.next)
    if (seq === undefined) {
      const greets = id === this.chat.gateId && this.next === this.start
      return expect(greets, () => `1: ${id} is sent on ${this.name}, and nobody said it`)
    }
    expect(this.hop === "client" || this.chat.gatePassed, () => `1: ${id} is sent to ${this.name} before its gate`)
    expect(this.state === "current", () => `1: ${id} is sent on ${this.name}, which is ${this.state}`)
    expect(seq === this.next, () => `1: ${seq} is sent on ${this.name} where ${this.next} belongs`)
    expect(
      (this.#behind < 64 && this.#behindBytes < 256 * 1024) || this.#marks.length >= 32,
      () => `5: ${this.#behind} messages, ${this.#behindBytes} bytes without a barrier on ${this.name}`,
    )
    this.checkBarrier()
    this.next = seq + 1
    this.way.sent.add(seq)
    if (this.#behind++ === 0) this.#behindSince = now()
    this.#behindBytes += frame.size
    this.way.got(this)
  }

  /** A barrier is as late as it may be. */
  checkBarrier(): void {
    const { expect, now } = this.#around
    if (this.#behind === 0 || this.#marks.length >= 32 || this.state !== "current") return
    if (this.wire?.proxy.readyState !== 1) return
    expect(now() - this.#behindSince <= 1000, () => `5: no barrier for ${now() - this.#behindSince} ms on ${this.name}`)
  }

  asked(mark: number, sent: boolean): void {
    const { expect } = this.#around
    if (!sent) {
      const may = this.#marks.length >= 32 || this.state !== "current" || this.wire?.proxy.readyState !== 1
      return expect(may, () => `5: a barrier was refused on ${this.name}`)
    }
    expect(mark === this.next - 1, () => `5: a barrier of ${this.name} stands at ${mark} instead of ${this.next - 1}`)
    this.checkBarrier()
    this.#marks.push(mark)
    this.#behind = this.#behindBytes = 0
  }

  answered(mark: number): void {
    const at = this.#marks.indexOf(mark)
    this.#around.expect(at >= 0, () => `3: a Pong for ${mark} on ${this.name} that nobody asked for`)
    if (this.#marks.length >= 32) this.#behindSince = this.#around.now()
    this.#marks = this.#marks.slice(at + 1)
    this.confirmed = Math.max(this.confirmed, mark)
    this.way.got(this)
  }

  /** Nothing more is sent on it. */
  leave(state: "fenced" | "told" | "ended"): void {
    if (this.state === "current" || this.state === "told") this.checkBarrier()
    if (this.state === "new") this.onUsed()
    this.state = state
    if (!this.way.lines.delete(this)) return
    this.way.release()
  }
}

/** Somebody is away. */
export interface Away {
  readonly since: number
  readonly range: Range | null
  readonly dials: number
  readonly end: CloseInfo | undefined
  readonly back?: { readonly at: number; readonly dials: number }
}

/** One session. */
export class Chat {
  readonly id: string
  readonly isShared: boolean
  readonly up: Way
  readonly down: Way
  readonly lines: Array<Line> = []
  /** Given to its clients, oldest first; the newest turn is the last. */
  readonly tokens: Array<string> = []
  /** Clients that come back and are not heard yet. */
  arriving = 0
  /** There were two at once: whose token is the newest cannot be seen from here. */
  raced = false
  /** The token of its last resume. */
  shown: string | undefined
  settled = 0
  resumes = 0
  /** Starts of dials, and what came of each. */
  readonly dials: Array<{ readonly at: number; endedAt?: number; answer?: string }> = []
  readonly away: { client?: Away | undefined; upstream?: Away | undefined } = {}
  /** Who was away and is back, until the proxy says so. */
  readonly returned: { client?: Away | undefined; upstream?: Away | undefined } = {}
  /** Who vanished when the session was about to end. */
  readonly parted: { client?: Away | undefined; upstream?: Away | undefined } = {}
  /** Messages that waited when somebody came. */
  readonly waited = { client: 0, upstream: 0 }
  /** Why it may be over. */
  readonly causes: Array<string> = []
  /** Ranges of its receipts, by hop. */
  readonly reported: Record<Hop, Array<Range>> = { client: [], upstream: [] }
  readonly ends: { client?: CloseInfo; upstream?: CloseInfo } = {}
  protocol: string | undefined
  gateId: string | undefined
  /** The proxy has listed it. */
  listed = false
  /** The first loss of an upstream that has not been stable since. */
  flapsSince: number | undefined
  gateSince: number | undefined
  gatePassed = false
  closingSince: number | undefined
  openedAt: number
  readonly #around: Around

  constructor(id: string, around: Around, isShared = false) {
    this.id = id
    this.isShared = isShared
    this.#around = around
    this.up = new Way("upstream", around)
    this.down = new Way("client", around)
    this.openedAt = around.now()
    this.gatePassed = around.plan.gate === null
  }

  way(hop: Hop): Way {
    return hop === "client" ? this.down : this.up
  }
  current(hop: Hop): Line | undefined {
    return [...this.way(hop).lines][0]
  }

  /** Under `replay` an upstream is read while it is asked for Pongs, however full the buffer behind it is. */
  get needsPongs(): boolean {
    const { bufferBytes, bufferMessages, uncertain } = this.#around.plan
    const { accepted, held, heldBytes } = this.up
    const behind = [...this.up.lines].some(({ next }) => next <= accepted)
    return uncertain === "replay" && (behind || held >= bufferMessages / 2 || heldBytes >= bufferBytes / 2)
  }

  began(line: Line): void {
    const { now } = this.#around
    this.waited[line.hop] = this.way(line.hop).waiting
    const away = this.away[line.hop]
    if (away !== undefined) this.returned[line.hop] = { ...away, back: { at: now(), dials: this.dials.length } }
    this.away[line.hop] = undefined
    if (line.hop === "client" && line.turn > 0) this.resumes++
    if (line.hop === "upstream" && !this.gatePassed) this.gateSince = now()
  }
}
