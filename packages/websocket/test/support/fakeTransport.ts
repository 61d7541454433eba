/**
 * A transport without a network: what it is asked to do is written down, what it answers is up to the test.
 */
import { Deferred, Effect } from "effect"
import type { CloseInfo, Frame, Listener, Transport } from "../../src/Transport.ts"

/** A frame that is only a text. */
export const frame = (text: string): Frame => ({
  text: true,
  size: Buffer.byteLength(text),
  bytes: () => Buffer.from(text),
})

export class FakeTransport implements Transport {
  readonly protocol = ""
  readonly headers = {}
  /** The payloads that were sent. */
  readonly sent: Array<string> = []
  /** Everything else it was asked to do, in order. */
  readonly asked: Array<string> = []
  /** How many more frames it takes. */
  room = Infinity
  unsent = 0
  heard = 0
  /** Marks of the barriers that were not answered yet. */
  barriers: Array<number> = []
  /** Whether a goodbye is answered at once. */
  polite = true
  #listener: Listener | undefined
  #ended = Deferred.makeUnsafe<CloseInfo>()
  #leaving = false
  #end: CloseInfo | undefined

  readonly closed = Deferred.await(this.#ended)
  readonly listen = (listener: Listener) => {
    this.#listener = listener
    if (this.#end !== undefined) listener.closed(this.#end)
  }
  readonly unsentBytes = () => this.unsent
  readonly heardBytes = () => this.heard
  readonly barrier = (mark: number) => {
    if (this.#leaving) return false
    this.barriers.push(mark)
    return true
  }
  readonly pause = () => void this.asked.push("pause")
  readonly resume = () => void this.asked.push("resume")
  readonly cut = () => {
    this.asked.push("cut")
    this.#leave(1006)
  }

  readonly send = (frame: Frame) => {
    if (this.#leaving || this.room <= 0) return false
    this.room--
    this.sent.push(Buffer.from(frame.bytes()).toString())
    return true
  }

  readonly close = (code: number, reason: string) =>
    Effect.suspend(() => {
      if (this.#end !== undefined) return Effect.void
      if (!this.#leaving) this.asked.push(`close ${code} ${reason}`.trim())
      if (this.polite) this.#leave(code, reason)
      this.#leaving = true
      return Effect.asVoid(this.closed)
    })

  /** A frame arrives. */
  receive(text: string): void {
    this.#listener?.frame(frame(text))
  }

  /** Answers all barriers so far. */
  pong(): void {
    const mark = this.barriers.at(-1)
    this.barriers = []
    if (mark !== undefined) this.#listener?.confirmed?.(mark)
  }

  /** There is room for so many frames, after a time without. */
  drained(room = Infinity): void {
    this.room = room
    this.unsent = 0
    this.#listener?.writable()
  }

  /** It is over; only the first time counts. */
  end(code: number, reason = "", clean = code !== 1006): void {
    if (this.#end !== undefined) return
    this.#end = { code, reason, clean }
    this.#leaving = true
    Deferred.doneUnsafe(this.#ended, Effect.succeed(this.#end))
    this.#listener?.closed(this.#end)
  }

  // A socket never ends inside the call that asks it to.
  #leave(code: number, reason = ""): void {
    if (this.#leaving) return
    this.#leaving = true
    queueMicrotask(() => this.end(code, reason))
  }
}
