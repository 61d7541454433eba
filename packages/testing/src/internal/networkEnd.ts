/**
 * One end of a virtual connection with a protocol of its own, as far as the network has to know it.
 */
import type * as Schema from "effect/Schema"
import type { Frame } from "./networkFrame.ts"
import type { Loop } from "./networkLoop.ts"

/** A machine as its ends see it. */
export interface Machine {
  readonly name: string
  /** Turns of this machine: late while it is paused, never once it has crashed. */
  readonly loop: Loop
  /** Does it now, or when the machine goes on. */
  readonly act: (run: () => void) => void
  /** Whether its programs read from connections. */
  readonly reads: () => boolean
}

/** Who wants to know about an end. */
export interface Trace {
  readonly opened: () => void
  /** How it ended, where there is a word about it. */
  readonly closed: (how: Schema.Json) => void
}

/** An end. */
export interface End {
  readonly machine: Machine
  trace: Trace
  /** The network has made the connection; the one who accepts hears of it first. */
  readonly connected: () => void
  /** It cannot. */
  readonly refused: (error: Error) => void
  /** Looks whether there is something to read, after its machine could not. */
  readonly wake: () => void
  /** Finds out that the connection is dead. */
  readonly die: () => void
  /** Its machine has crashed: the kernel resets the connection, and nobody is there to hear anything. */
  readonly abort: () => void
  /** Whether it has told that it is over. */
  readonly over: () => boolean
  /** What somebody on the way sends to end it politely. */
  readonly goodbye: (code: number, reason: string) => ReadonlyArray<readonly [frame: Frame, size: number]>
}

/** An error as Node's sockets have it. */
export const failure = (code: string, address: string): Error =>
  Object.assign(new Error(`${code === "ENOTFOUND" ? "getaddrinfo" : "connect"} ${code} ${address}`), { code })

/** The end of the stream. */
export const fin: readonly [frame: Frame, size: number] = [{ _tag: "Fin" }, 1]
