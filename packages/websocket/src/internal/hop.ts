/**
 * One connection of a session: it is heard through here, its side of a flow is its outlet, its heart is listened to. When another
 * takes its place it is fenced: what it still says is not heard any more. Plain code.
 */
import type { CloseInfo, Frame, Listener, Transport } from "../Transport.ts"
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
  frame(frame: Frame, from: Hop): void
  /** A message that came after it was told goodbye. */
  late?(frame: Frame): void
  /** It can take more. */
  writable?(): void
  /** The peer's library has answered a barrier. */
  alive?(from: Hop): void
  /** Bytes of an unfinished message more, or fewer, than before. */
  unfinished?(change: number): void
  /** It is over, and this is what it may not have got; not told once it is fenced. */
  ended(end: CloseInfo, uncertain: Range | undefined, from: Hop): void
  /** It is over, fenced or not. */
  released?(): void
}

/** One connection. It listens itself, and is what its pulse asks: there are very many, and every closure would be one more for each. */
export class Hop implements Listener, Pulse.Options {
  readonly transport: Transport
  readonly outlet: Outlet
  readonly #options: Options
  #pulse: Pulse.Pulse | undefined
  #listening = false
  #unfinished = 0
  #paused = false
  #silent = false
  #left = false
  #told = false
  #over = false
  #unsaid: Frame | undefined

  constructor(options: Options) {
    this.#options = options
    this.transport = options.transport
    this.outlet = new Outlet(options.transport, options.wheel)
  }

  get wheel(): Wheel {
    return this.#options.wheel
  }

  get beat(): Pulse.Beat {
    return this.#options.beat
  }

  get asks(): boolean {
    return Number.isFinite(this.beat.interval)
  }

  /** The connection has ended. */
  get isOver(): boolean {
    return this.#over
  }

  /** Sends it what waits, behind these messages of our own, and starts hearing it. */
  open(...first: ReadonlyArray<Frame>): void {
    const { bufferBytes, outOf, transport } = this.#options
    for (const message of first) transport.send(message)
    outOf.attach(this.outlet)
    if (this.outlet.uncertain !== undefined) this.outlet.barrier() // what had waited is the first to be missed
    this.#listening = true
    transport.listen(this, Math.min(bufferBytes, highWatermark))
    // Its first read may have ended it.
    if (this.#left) return
    if (transport.pings !== false) this.#pulse = new Pulse.Pulse(this)
    if (this.#paused) transport.pause()
  }

  /** Sends a message of our own, past the flow. One waits if need be; a second before that has gone says nothing new. */
  say(frame: Frame): void {
    if (!this.transport.send(frame)) this.#unsaid = frame
  }

  /** It is told goodbye: what it still says is too late. */
  dismiss(): void {
    this.#told = true
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
      this.#pulse?.stop()
      this.#options.unfinished?.(-this.#unfinished)
    }
    this.#options.outOf.detach(this.outlet)
    return this.outlet.takeUncertain()
  }

  frame(frame: Frame): void {
    if (this.#left) return
    if (this.#told) this.#options.late?.(frame)
    else this.#options.frame(frame, this)
  }

  writable(): void {
    const unsaid = this.#unsaid
    this.#unsaid = undefined
    if (unsaid !== undefined) this.say(unsaid)
    this.#options.writable?.()
    this.#options.outOf.flush(this.outlet)
  }

  confirmed(mark: number): void {
    this.#options.alive?.(this)
    this.#options.outOf.confirm(this.outlet, mark)
  }

  unfinished(bytes: number): void {
    if (this.#left) return
    this.#options.unfinished?.(bytes - this.#unfinished)
    this.#unfinished = bytes
  }

  closed(info: CloseInfo): void {
    const fenced = this.#left
    const uncertain = this.leave()
    this.#over = true
    this.#options.released?.()
    if (!fenced) this.#options.ended(this.#silent ? CloseCode.silent : info, uncertain, this)
  }

  ping(): void {
    this.outlet.barrier()
  }

  taken(): number {
    return this.outlet.taken
  }

  isPaused(): boolean {
    return this.#paused
  }

  onDead(): void {
    this.#silent = true
    this.transport.cut()
  }
}
