/**
 * Pings that stand behind messages: the Pong says that the peer's library has everything sent before. A Pong may answer several
 * Pings at once (RFC 6455 5.5.3), and one we did not ask for says nothing. Plain code.
 */

/** A peer that owes so many answers gets no more barriers: `ws` 8.23 hangs up when it owes 60. */
const most = 32

/** The barriers of one connection. */
export class Barriers {
  readonly #nonce: number
  #marks: Array<number> = []
  #answered = 0

  /** The nonce tells our Pongs from those a peer makes up. */
  constructor(nonce: number) {
    this.#nonce = nonce
  }

  /** The payload of the next Ping; `undefined` when the peer owes too many answers. */
  next(mark: number): Uint8Array | undefined {
    if (this.#marks.length >= most) return undefined
    this.#marks.push(mark)
    const payload = new Uint8Array(8)
    const view = new DataView(payload.buffer)
    view.setUint32(0, this.#nonce)
    view.setUint32(4, this.#answered + this.#marks.length)
    return payload
  }

  /** The mark a Pong answers; `undefined` when it answers none of ours. */
  answered(payload: Uint8Array): number | undefined {
    if (payload.byteLength !== 8) return undefined
    const view = new DataView(payload.buffer, payload.byteOffset, 8)
    const answers = view.getUint32(4) - this.#answered
    if (view.getUint32(0) !== this.#nonce || answers < 1 || answers > this.#marks.length) return undefined
    const mark = this.#marks[answers - 1]
    this.#marks = this.#marks.slice(answers)
    this.#answered += answers
    return mark
  }
}
