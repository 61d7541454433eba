/**
 * A client or an upstream server as its application sees it: a small `ws` of its own, and a diary of what happened.
 */
import type { VirtualNetwork } from "@holdfast/testing"
import { Effect } from "effect"
import type { CloseInfo, Headers } from "../../src/Transport.ts"
import type { Wire } from "./wire.ts"

/** One message as a library hands it out. */
export type Message = VirtualNetwork.Message

export class Peer {
  /** The connection, for faults; `wire.proxy` is the end in the proxy. */
  readonly wire: Wire
  /** What the other side said in the handshake. */
  readonly headers: Headers
  readonly protocol: string
  /** What its library was given to send and has not discarded, in order. */
  readonly sent: Array<Message> = []
  /** What its library has received, in order. */
  readonly received: Array<Message> = []
  /** Pongs and Pings its library has received. */
  pongs = 0
  pings = 0
  /** How it ended, once it has. */
  ended: CloseInfo | undefined
  onMessage: (message: Message) => void = () => {}
  onClose: (info: CloseInfo) => void = () => {}
  readonly #socket: VirtualNetwork.VirtualWebSocket
  readonly #waiting = new Set<() => boolean>()

  constructor(wire: Wire, told: { readonly headers: Headers; readonly protocol: string }) {
    this.wire = wire
    this.headers = told.headers
    this.protocol = told.protocol
    this.#socket = wire.peer
    this.#socket.observer = {
      received: (message) => {
        this.received.push(message)
        this.onMessage(message)
        this.#wake()
      },
      sent: (message) => this.sent.push(message),
      ended: (info) => {
        this.ended = info
        this.onClose(info)
        this.#wake()
      },
    }
    this.#socket.on("pong", () => this.pongs++)
    this.#socket.on("ping", () => this.pings++)
  }

  /** Whether it may send. */
  get isOpen(): boolean {
    return this.#socket.readyState === 1
  }
  /** Bytes its kernel has not taken. */
  get unsentBytes(): number {
    return this.#socket.unsentBytes
  }

  /** Text or binary. */
  send(data: string | Uint8Array): void {
    const text = typeof data === "string"
    this.#socket.send(text ? Buffer.from(data) : data, { binary: !text })
  }
  ping(data: Uint8Array = nothing): void {
    this.#socket.ping(data)
  }
  /** One that nobody asked for. */
  pong(data: Uint8Array = nothing): void {
    this.#socket.pong(data)
  }
  /** Breaks the protocol. */
  garbage(): void {
    this.#socket.garbage()
  }
  pause(): void {
    this.#socket.pause()
  }
  resume(): void {
    this.#socket.resume()
  }
  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason)
  }
  terminate(): void {
    this.#socket.terminate()
  }

  /** Completes when it has received so many messages in all, or has ended. */
  has(messages: number): Effect.Effect<void> {
    return this.#until(() => this.received.length >= messages || this.ended !== undefined)
  }
  /** Completes with how it ended. */
  readonly closed: Effect.Effect<CloseInfo> = Effect.suspend(() =>
    Effect.map(
      this.#until(() => this.ended !== undefined),
      () => this.ended!,
    ),
  )

  #until(holds: () => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const look = () => {
        if (holds()) resume(Effect.void)
        return holds()
      }
      if (!look()) this.#waiting.add(look)
      return Effect.sync(() => this.#waiting.delete(look))
    })
  }
  #wake(): void {
    for (const look of this.#waiting) if (look()) this.#waiting.delete(look)
  }
}

/** The text of a message. */
export const textOf = (message: Message): string => Buffer.from(message.data).toString("utf8")

const nothing = new Uint8Array()
