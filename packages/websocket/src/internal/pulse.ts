/**
 * Whether the peer of one connection is still there: asked by a Ping every so often, and any byte in answer will do. A peer we do not
 * read from is not judged: its answer may be waiting. Plain code on the wheel.
 */
import type { Transport } from "../Transport.ts"
import type { Wheel } from "./wheel.ts"

/** How to listen for it. */
export interface Beat {
  /** Milliseconds between Pings. */
  readonly interval: number
  /** Milliseconds of silence after one. */
  readonly timeout: number
}

export interface Options extends Beat {
  readonly wheel: Wheel
  readonly transport: Transport
  readonly ping: () => void
  /** Grows by the bytes that the peer takes. Default: falls with those that are unsent. */
  readonly taken?: (() => number) | undefined
  /** Whether the connection is not read now. */
  readonly paused: () => boolean
  readonly onDead: () => void
}

/** Starts; the answer stops it. */
export const start = (options: Options): (() => void) => {
  const { interval, onDead, paused, ping, timeout, transport, wheel } = options
  const taken = options.taken ?? (() => -transport.unsentBytes())
  let cancel = () => {}
  const rest = () => {
    cancel = wheel.at(wheel.now() + interval, ask)
  }
  const ask = () => {
    if (paused()) return rest() // its answers could not be heard, and it would soon owe too many
    const [asked, heard, before] = [wheel.now(), transport.heardBytes(), taken()]
    const stuck = transport.unsentBytes() > 0 // our Ping stands behind it
    // It may have fallen silent right behind its answer: so the next Ping does not wait for the end of the timeout.
    const look = () => {
      const now = wheel.now()
      const lives = transport.heardBytes() > heard || (stuck && taken() > before) || paused()
      if (lives && now >= asked + interval) return ask()
      if (!lives && now >= asked + timeout) return onDead()
      cancel = wheel.at(lives ? asked + interval : Math.min(now + interval, asked + timeout), lives ? ask : look)
    }
    ping()
    cancel = wheel.at(asked + Math.min(interval, timeout), look)
  }
  rest()
  return () => cancel()
}
