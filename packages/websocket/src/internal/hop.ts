/**
 * One connection of a session: it is heard through here, its side of a flow is its outlet, its heart is listened to. When another
 * takes its place it is fenced: what it still says is not heard any more. Plain code.
 */
import type { CloseInfo, Frame, Transport } from "../Transport.ts"
import * as CloseCode from "./closeCode.ts"
import type { Flow } from "./flow.ts"
import { Outlet, type Range } from "./outlet.ts"
import * as Pulse from "./pulse.ts"
import { highWatermark } from "./socketTransport.ts"
import type { Wheel } from "./wheel.ts"

export interface Options {
  readonly transport: Transport
  /** What it is sent. */
  readonly outOf: Flow
  readonly wheel: Wheel
  readonly beat: Pulse.Beat
  /** Unsent bytes from which on it takes no more, if that is less than usual. */
  readonly bufferBytes: number
  readonly frame: (frame: Frame) => void
  /** It can take more. */
  readonly writable?: (() => void) | undefined
  /** The peer's library has answered a barrier. */
  readonly alive?: (() => void) | undefined
  /** Bytes of an unfinished message more, or fewer, than before. */
  readonly unfinished: (change: number) => void
  /** It is over, and this is what it may not have got; not told once it is fenced. */
  readonly ended: (end: CloseInfo, uncertain: Range | undefined) => void
  /** It is over, fenced or not. */
  readonly released: () => void
}

/** One connection. */
export class Hop {
  readonly transport: Transport
  readonly outlet: Outlet
  readonly #options: Options
  #stopPulse = () => {}
  #listening = false
  #unfinished = 0
  #paused = false
  #silent = false
  #left = false
  #unsaid: Frame | undefined

  constructor(options: Options) {
    this.#options = options
    this.transport = options.transport
    this.outlet = new Outlet(options.transport, options.wheel)
  }

  /** Sends it what waits, behind these messages of our own, and starts hearing it. */
  open(...first: ReadonlyArray<Frame>): void {
    const { alive, beat, bufferBytes, ended, frame, outOf, released, transport, unfinished, wheel, writable } =
      this.#options
    for (const message of first) transport.send(message)
    outOf.attach(this.outlet)
    if (this.outlet.uncertain !== undefined) this.outlet.barrier() // what had waited is the first to be missed
    this.#listening = true
    transport.listen(
      {
        frame: (it) => {
          if (!this.#left) frame(it)
        },
        writable: () => {
          const unsaid = this.#unsaid
          this.#unsaid = undefined
          if (unsaid !== undefined) this.say(unsaid)
          writable?.()
          outOf.flush(this.outlet)
        },
        confirmed: (mark) => {
          alive?.()
          outOf.confirm(this.outlet, mark)
        },
        unfinished: (bytes) => {
          if (this.#left) return
          unfinished(bytes - this.#unfinished)
          this.#unfinished = bytes
        },
        closed: (info) => {
          const fenced = this.#left
          const uncertain = this.leave()
          released()
          if (!fenced) ended(this.#silent ? CloseCode.silent : info, uncertain)
        },
      },
      Math.min(bufferBytes, highWatermark),
    )
    // Its first read may have ended it.
    if (this.#left) return
    this.#stopPulse = Pulse.start({
      ...beat,
      wheel,
      transport,
      ping: () => this.outlet.barrier(),
      taken: () => this.outlet.taken,
      paused: () => this.#paused,
      onDead: () => {
        this.#silent = true
        transport.cut()
      },
    })
    if (this.#paused) transport.pause()
  }

  /** Sends a message of our own, past the flow. One waits if need be; a second before that has gone says nothing new. */
  say(frame: Frame): void {
    if (!this.transport.send(frame)) this.#unsaid = frame
  }

  /** It is read, or not. */
  pause(paused: boolean): void {
    this.#paused = paused
    if (!this.#listening) return
    if (paused) this.transport.pause()
    else this.transport.resume()
  }

  /** Not heard any more, and sent nothing; the answer is what it may not have got. */
  leave(): Range | undefined {
    if (!this.#left) {
      this.#left = true
      this.#stopPulse()
      this.#options.unfinished(-this.#unfinished)
    }
    return this.#options.outOf.detach(this.outlet)
  }
}
