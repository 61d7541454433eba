/**
 * What has arrived and was not read yet: read ahead as far as the marks go, then the socket is not read. Plain code.
 */
import type * as Client from "../Client.ts"
import type { Frame } from "../Transport.ts"
import type { Marks } from "./flow.ts"
import * as Payload from "./payload.ts"

/** Messages, at least one. */
export type Messages = readonly [Client.Message, ...Array<Client.Message>]

/** An inbox; beyond its marks it takes what was on its way when the socket stopped, one read of it at most. */
export class Inbox {
  readonly #marks: Marks
  readonly #onFull: (full: boolean) => void
  #messages: Array<Client.Message> = []
  #bytes = 0

  constructor(marks: Marks, onFull: (full: boolean) => void) {
    this.#marks = marks
    this.#onFull = onFull
  }

  /** Takes a copy of a small message: it is a view of the whole read it came in. */
  push(frame: Frame): void {
    this.#messages.push(frame.text ? Payload.read(frame) : Payload.detached(frame).bytes())
    this.#bytes += frame.size
    if (this.#messages.length >= this.#marks.messages || this.#bytes >= this.#marks.bytes) this.#onFull(true)
  }

  /** All of it. */
  take(): Messages | undefined {
    const [first, ...others] = this.#messages
    if (first === undefined) return undefined
    this.#messages = []
    this.#bytes = 0
    this.#onFull(false)
    return [first, ...others]
  }
}
