/**
 * One WebSocket, with everything a proxy needs to know about it. What returns a value is plain and hot; what returns an Effect may wait.
 * Payload stays closed: a transport may move a frame it received to another transport without ever looking at it.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"

/** One message, however many fragments it came in. */
export interface Frame {
  /** Text or binary. */
  readonly text: boolean
  /** Payload size in bytes. */
  readonly size: number
  /** The payload. */
  bytes(): Uint8Array
}

/** How a connection ended. */
export interface CloseInfo {
  /** 1005 when the close frame had no code, 1006 when there was no close frame. */
  readonly code: number
  readonly reason: string
  /** The peer said goodbye. Otherwise it vanished (1006), or broke the protocol and was told this code. */
  readonly clean: boolean
}

/** Who hears of what arrives. Plain callbacks, because they are called for every message. */
export interface Listener {
  /** One message. */
  frame(frame: Frame): void
  /** After `send` answered `false`: the write buffer has drained below the low watermark. */
  writable(): void
  /** The peer's library has received everything that was sent before the barrier with this mark, and so before all earlier ones. */
  confirmed?(mark: number): void
  /** Whether it asks for signs of life, by barriers; otherwise the operating systems ask each other. Default `false`. */
  readonly asks?: boolean
  /** So many bytes of a message have arrived that is not whole yet; told in steps of 64 KiB, and 0 when it is whole. */
  unfinished?(bytes: number): void
  /** It is over. Called once, after the last frame. */
  closed(info: CloseInfo): void
}

/** Header names in lower case; several `set-cookie` lines stay apart. */
export type Headers = Readonly<Record<string, string | ReadonlyArray<string>>>

/** One open WebSocket. */
export interface Transport {
  /** The negotiated subprotocol, or `""`. */
  readonly protocol: string
  /** Headers of the answer (dialled) or of the request (accepted). */
  readonly headers: Headers
  /** Starts reading. Once; frames wait in the socket until then. `send` says no from `highWatermark` unsent bytes on, default 1 MiB. */
  readonly listen: (listener: Listener, highWatermark?: number) => void
  /** Sends, corked for this tick. `false`: nothing was sent; wait for `writable`, which never comes after the end. */
  readonly send: (frame: Frame) => boolean
  /** Bytes accepted by `send` that the operating system has not taken yet. */
  readonly unsentBytes: () => number
  /**
   * Sends a Ping behind everything sent so far; `confirmed` tells of its Pong (RFC 6455 5.5.3). Marks never fall. `false`: it was not
   * sent, because the connection is over or the peer owes 32 answers.
   */
  readonly barrier: (mark: number) => boolean
  /** `false`: the platform sends no Pings, as in browsers; `barrier` asks nobody, and silence says nothing of the peer. */
  readonly pings?: false
  /** Bytes received so far, of any kind: while it grows the peer lives. */
  readonly heardBytes: () => number
  /** Stops reading, so that the peer feels it. Its close and its pings are not seen meanwhile; one read may still arrive. */
  readonly pause: () => void
  /** Reads again. */
  readonly resume: () => void
  /**
   * Sends what is still unsent, says goodbye and waits for the answer; frames may still arrive meanwhile, `send` answers `false`.
   * A peer that takes nothing, or does not answer, for 10 seconds is cut off. 1005 stands for a goodbye without a code, other codes
   * that must not be sent become 1011; reasons are cut to 123 bytes.
   */
  readonly close: (code: number, reason: string) => Effect.Effect<void>
  /** Cuts the connection without goodbye. */
  readonly cut: () => void
  /** Completes with how it ended. */
  readonly closed: Effect.Effect<CloseInfo>
}

/** No connection. `kind` says where it stopped, in few words. */
export class Unreachable extends Data.TaggedError("Unreachable")<{
  readonly target: string
  readonly kind: "refused" | "reset" | "timeout" | "dns" | "tls" | "protocol" | "other"
  readonly why: string
}> {
  override get message(): string {
    return `${this.target} cannot be reached (${this.kind}): ${this.why}`
  }
}

/** The server answered the handshake with something else than 101. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly target: string
  readonly status: number
  readonly headers: Headers
  /** At most 64 KiB of it. */
  readonly body: Uint8Array
}> {
  override get message(): string {
    return `${this.target} refused the WebSocket with status ${this.status}`
  }
}

/** The peer went away before the handshake was over. */
export class Gone extends Data.TaggedError("Gone")<{ readonly target: string }> {
  override get message(): string {
    return `${this.target} went away during the handshake`
  }
}

/** A connection that did not come about; `reason` says why. */
export class TransportError extends Data.TaggedError("TransportError")<{
  readonly reason: Unreachable | Refused | Gone
}> {
  override get message(): string {
    return this.reason.message
  }
}
