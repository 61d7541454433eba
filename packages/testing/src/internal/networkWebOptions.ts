/**
 * What a virtual WebSocket may be told, and whom it tells.
 */
import type { Message } from "./networkFrame.ts"

/** What differs between ends. */
export interface EndOptions {
  /** Clients mask. */
  readonly client: boolean
  /** Bytes that Node reads ahead while the socket is paused; a connection that dies gives them away. */
  readonly readAhead: number
  /** Larger messages break the protocol. */
  readonly maxPayload: number
  /** Milliseconds for the other end to answer a close frame. */
  readonly closeTimeout: number
  /** Whether Pings are answered. */
  readonly autoPong: boolean
  /**
   * Terminated, it sends a reset, which loses what is under way. Otherwise that depends, as on Linux: when its kernel has nothing
   * unread, what the kernel was given still arrives, then the end of the stream, which a paused end does not see.
   */
  readonly resets: boolean
}

/** As `ws` and Node have it. */
export const defaults: EndOptions = {
  client: false,
  readAhead: 64 * 1024,
  maxPayload: 100 * 1024 * 1024,
  closeTimeout: 30_000,
  autoPong: true,
  resets: false,
}

/** Hears what an end's library does, at that moment and before anybody else. */
export interface Observer {
  /** It emits a message. */
  readonly received?: ((message: Message) => void) | undefined
  /** It takes a message to send. Those it discards are not told. */
  readonly sent?: ((message: Message) => void) | undefined
  readonly ended?:
    | ((info: { readonly code: number; readonly reason: string; readonly clean: boolean }) => void)
    | undefined
}
