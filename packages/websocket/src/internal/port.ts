/**
 * What a transport sends on and hears from: a connection that speaks frames. Ours over TCP and TLS, or any that is shaped like a
 * WebSocket of `ws`.
 */
import type { Headers } from "../Transport.ts"

/** Who is told what arrives. */
export interface Sink {
  message(data: Uint8Array, text: boolean): void
  /** It has been answered already. */
  pinged(): void
  ponged(payload: Uint8Array): void
  /** The peer broke the protocol, and is told this code. */
  violated(code: number, why: string): void
  /** Something was read; so much memory is taken by a message that is not whole. */
  read(unfinished: number): void
  /** It has ended; 1006: without a close frame. Once. */
  over(code: number, reason: string): void
}

/** One open connection, paused or not read yet. */
export interface Port {
  readonly protocol: string
  readonly headers: Headers
  /** Messages may be sent. */
  readonly isOpen: boolean
  /** Bytes that are not with the operating system yet. */
  readonly bufferedAmount: number
  /** The same, but it falls while a large write makes progress. */
  unsentBytes(): number
  /** Bytes received so far, of any kind. */
  heardBytes(): number
  /** Calls that follow each other are written together. `done`: it is with the operating system, or never will be. */
  send(data: Uint8Array, text: boolean, done: (() => void) | undefined): void
  ping(payload: Uint8Array): void
  pause(): void
  resume(): void
  /** Sends a close frame. Ends by itself when none comes back within 10 seconds. */
  close(code: number | undefined, reason: string): void
  terminate(): void
  /** Calls back when everything sent so far is with the operating system; perhaps never, if the connection ends. */
  flush(done: () => void): void
  /** Whoever hears of it has it from now on. */
  hear(sink: Sink): void
  /** From now on the operating systems ask each other whether they are there. */
  keepAlive?(): void
  /** Milliseconds, for rates. */
  now(): number
  /** Unpredictable 32 bits. */
  readonly nonce: number
}
