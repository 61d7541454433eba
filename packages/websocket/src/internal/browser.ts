/**
 * Platform file: the only place that touches the WebSocket of the platform, in browsers, and in Node where it is asked for. Dials, and hands out
 * transports that can do less: no headers, no Pings, nothing that makes the peer slow down, no limit on what it sends.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { Target } from "../Dialer.ts"
import { type CloseInfo, type Frame, type Listener, type Transport, TransportError, Unreachable } from "../Transport.ts"
import * as CloseCode from "./closeCode.ts"
import * as Patience from "./patience.ts"
import * as Payload from "./payload.ts"
import { highWatermark } from "./socketTransport.ts"

const OPEN = 1

/** Nobody tells how much the platform has handed on; so often it is asked, in milliseconds, while somebody waits for it. */
const glance = 20

/** Barriers that may be open; the next one waits. */
const most = 32

/** Opens a WebSocket that is cut when the scope closes. */
export const dial = ({ protocols = [], url }: Target): Effect.Effect<Transport, TransportError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.scope, (scope) => {
      const target = new URL(url).origin
      let opened: Opened
      try {
        opened = new Opened(new WebSocket(url, [...protocols]), target)
      } catch (error) {
        return Effect.fail(unreachable(target, String(error)))
      }
      return Effect.andThen(Scope.addFinalizer(scope, Effect.sync(opened.cut)), restore(opened.handshake))
    }),
  )

const unreachable = (target: string, why: string) =>
  new TransportError({ reason: new Unreachable({ target, kind: "other", why }) })

class Opened implements Transport {
  readonly pings = false
  readonly #socket: WebSocket
  #listener: Listener | undefined
  #early: Array<Frame> = []
  #ended: CloseInfo | undefined
  #high = highWatermark
  #blocked = false
  #closing = false
  #heard = 0
  #sent = 0
  /** Barriers, and how much had been sent before each of them. */
  readonly #barriers: Array<readonly [mark: number, sent: number]> = []
  #timer: ReturnType<typeof setTimeout> | undefined
  readonly #waiting = new Set<(info: CloseInfo) => void>()

  readonly handshake: Effect.Effect<Transport, TransportError>

  constructor(socket: WebSocket, target: string) {
    this.#socket = socket
    socket.binaryType = "arraybuffer"
    socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (this.#ended !== undefined) return
      const frame = typeof data === "string" ? Payload.text(data) : Payload.binary(new Uint8Array(data))
      this.#heard += frame.size
      if (this.#listener === undefined) this.#early.push(frame)
      else this.#listener.frame(frame)
    })
    socket.addEventListener("close", ({ code, reason, wasClean }) => this.#end({ code, reason, clean: wasClean }))
    this.handshake = Effect.callback((resume) => {
      let why = "the platform does not say why"
      socket.addEventListener("open", () => resume(Effect.succeed(this)))
      socket.addEventListener("error", (event) => {
        // Browsers keep it from pages, others tell.
        if ("message" in event && typeof event.message === "string" && event.message !== "") why = event.message
      })
      this.#waiting.add(() => resume(Effect.fail(unreachable(target, why)))) // unless it is open
    })
  }

  get protocol() {
    return this.#socket.protocol
  }

  /** All that a page is told of the answer. */
  get headers() {
    return { "sec-websocket-extensions": this.#socket.extensions }
  }

  readonly listen = (listener: Listener, high = highWatermark): void => {
    this.#listener = listener
    this.#high = high
    for (const frame of this.#early.splice(0)) listener.frame(frame)
    if (this.#ended !== undefined) listener.closed(this.#ended)
  }

  readonly send = (frame: Frame): boolean => {
    if (!this.#isOpen) return false
    if (this.#socket.bufferedAmount >= this.#high) {
      this.#blocked = true
      this.#look()
      return false
    }
    this.#sent += frame.size
    // What is sent stands in memory of its own: nobody shares it with other threads.
    this.#socket.send(frame.text ? Payload.read(frame) : (frame.bytes() as Uint8Array<ArrayBuffer>))
    return true
  }

  readonly unsentBytes = (): number => this.#socket.bufferedAmount

  readonly heardBytes = (): number => this.#heard

  /** The nearest thing to a Pong that there is: the platform has handed on everything, and nobody knows how far it came. */
  readonly barrier = (mark: number): boolean => {
    if (!this.#isOpen || this.#barriers.length >= most) return false
    this.#barriers.push([mark, this.#sent])
    this.#look()
    return true
  }

  /** The platform reads on, and nobody can stop it: what arrives is told all the same. */
  readonly pause = (): void => {}

  readonly resume = (): void => {}

  readonly close = (code: number, reason: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      this.#closing = true
      // Pages may send no other codes.
      if (code === 1000 || (code >= 3000 && code <= 4999)) this.#socket.close(code, CloseCode.cutReason(reason))
      else this.#socket.close()
      const answered = Patience.whileMoving(this.closed, () => this.#socket.bufferedAmount + 1)
      return Effect.andThen(answered, Effect.sync(this.cut))
    })

  /** The platform says goodbye all the same, and may wait long for the answer; we do not. */
  readonly cut = (): void => {
    if (this.#ended !== undefined) return
    if (this.#socket.readyState <= OPEN) this.#socket.close()
    this.#end({ code: 1006, reason: "", clean: false })
  }

  readonly closed = Effect.callback<CloseInfo>((resume) => {
    if (this.#ended !== undefined) return resume(Effect.succeed(this.#ended))
    const done = (info: CloseInfo) => resume(Effect.succeed(info))
    this.#waiting.add(done)
    return Effect.sync(() => this.#waiting.delete(done))
  })

  get #isOpen(): boolean {
    return this.#ended === undefined && !this.#closing && this.#socket.readyState === OPEN
  }

  #end(info: CloseInfo): void {
    if (this.#ended !== undefined) return
    this.#ended = info
    clearTimeout(this.#timer)
    this.#listener?.closed(info)
    for (const done of this.#waiting) done(info)
    this.#waiting.clear()
  }

  #look(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      if (!this.#isOpen) return
      const unsent = this.#socket.bufferedAmount
      const handed = this.#barriers.findLastIndex(([, sent]) => sent <= this.#sent - unsent)
      const [passed] = this.#barriers.splice(0, handed + 1).slice(-1)
      if (passed !== undefined) this.#listener?.confirmed?.(passed[0])
      if (this.#blocked && unsent <= this.#high / 4) {
        this.#blocked = false
        this.#listener?.writable()
      }
      if (this.#blocked || this.#barriers.length > 0) this.#look()
    }, glance)
  }
}
