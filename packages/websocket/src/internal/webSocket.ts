/**
 * The drop-in class: the standard's interface on a connection that comes back. Plain code around `Reconnecting`, which runs in a
 * scope of its own from the constructor to the `close` event.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type CloseInfo, type Frame, TransportError, Unreachable } from "../Transport.ts"
import type { AwayEvent, Options, WebSocket as Shape } from "../WebSocket.ts"
import * as Checks from "./checks.ts"
import * as HeaderRules from "./headers.ts"
import type { Range } from "./outlet.ts"
import * as Payload from "./payload.ts"
import * as Reconnecting from "./reconnecting.ts"
import * as Upstream from "./upstream.ts"
import * as Arguments from "./webSocketArguments.ts"

const [CONNECTING, OPEN, CLOSING, CLOSED] = [0, 1, 2, 3] as const

/** In milliseconds: for how long it must live before the backoff starts over, and how it is asked whether it does. */
const stableAfter = 5000
const beat = { interval: 15_000, timeout: 10_000 } as const

const nothing = { messages: 0, bytes: 0 } as const

type Url = string | URL | (() => string | Promise<string>)
type Handler<E> = ((this: globalThis.WebSocket, event: E) => unknown) | null

/** A message that stands behind a Blob, or the Blob until it is read. */
interface Unread {
  readonly size: number
  frame: Frame | undefined
}

/** The standard `WebSocket`, except that it comes back. */
export class WebSocket extends EventTarget implements Shape {
  static readonly CONNECTING = CONNECTING
  static readonly OPEN = OPEN
  static readonly CLOSING = CLOSING
  static readonly CLOSED = CLOSED

  readonly #scope = Scope.makeUnsafe()
  readonly #marks: { readonly messages: number; readonly bytes: number }
  readonly #handlers = new Map<string, { readonly handler: unknown; readonly listener: (event: Event) => void }>()
  #engine!: Reconnecting.Reconnecting
  #url = ""
  #origin = ""
  #readyState: 0 | 1 | 2 | 3 = CONNECTING
  #protocol = ""
  #extensions = ""
  #binaryType: BinaryType = "blob"
  #opened = false
  /** What `open` listeners sent in this session; it goes before everything that waits. */
  #greeting: Array<Frame> = []
  /** It is on its way. */
  #greeted = true
  #opening = false
  /** What waits for a Blob to be read, and the Blob. */
  readonly #unread: Array<Unread> = []
  #goodbye: Omit<CloseInfo, "clean"> | undefined
  #said = false
  /** Payload that was taken since there was none left to send; framing does not count. */
  #taken = 0
  /** Payload that came when it was over. */
  #late = 0

  constructor(url: Url, protocols?: string | ReadonlyArray<string>, options: Options = {}) {
    super()
    if (url === undefined) throw new TypeError("`WebSocket` needs a URL")
    const { backoff, buffer = {}, giveUpAfter, headers, uncertain = "drop" } = options
    if (typeof url !== "function") this.#url = Arguments.urlOf(url)
    this.#marks = Checks.marks(buffer)
    HeaderRules.checkAll(headers ?? {})
    const target = typeof url === "function" ? "WebSocket" : Upstream.nameOf(this.#url)
    const making = Reconnecting.make({
      target,
      url: typeof url === "function" ? this.#asked(url, target) : Effect.succeed(this.#url),
      dial: { protocols: Arguments.protocolsOf(protocols), headers },
      backoff: Backoff.full(backoff),
      stableAfter,
      giveUpAfter: giveUpAfter === undefined ? undefined : Checks.positive("giveUpAfter", giveUpAfter),
      marks: this.#marks,
      uncertain,
      beat,
      greet: (send) => this.#greet(send),
      listener: {
        connected: (resumed) => this.#connected(resumed),
        greeted: () => {
          this.#greeted = true
        },
        message: (frame) => this.#message(frame),
        away: (end, range) => this.#away(end, range),
        pressure: () => {},
        over: (end) => this.#over(end),
      },
    })
    // Nothing in it waits, so that the engine is there when the constructor returns.
    Effect.runFork(
      Effect.map(Scope.provide(making, this.#scope), (engine) => {
        this.#engine = engine
      }),
    )
  }

  get CONNECTING() {
    return CONNECTING
  }
  get OPEN() {
    return OPEN
  }
  get CLOSING() {
    return CLOSING
  }
  get CLOSED() {
    return CLOSED
  }

  get url(): string {
    return this.#url
  }
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#readyState
  }
  get protocol(): string {
    return this.#protocol
  }
  get extensions(): string {
    return this.#extensions
  }
  get binaryType(): BinaryType {
    return this.#binaryType
  }
  set binaryType(type: BinaryType) {
    if (type === "blob" || type === "arraybuffer") this.#binaryType = type
  }
  get bufferedAmount(): number {
    const left = this.#engine.bufferedBytes + this.#waiting.bytes
    if (left === 0) this.#taken = 0
    return this.#late + Math.min(left, this.#taken)
  }

  get onopen(): Handler<Event> {
    return this.#handler("open")
  }
  set onopen(handler: Handler<Event>) {
    this.#handle("open", handler)
  }
  get onmessage(): Handler<MessageEvent> {
    return this.#handler("message")
  }
  set onmessage(handler: Handler<MessageEvent>) {
    this.#handle("message", handler)
  }
  get onerror(): Handler<Event> {
    return this.#handler("error")
  }
  set onerror(handler: Handler<Event>) {
    this.#handle("error", handler)
  }
  get onclose(): Handler<CloseEvent> {
    return this.#handler("close")
  }
  set onclose(handler: Handler<CloseEvent>) {
    this.#handle("close", handler)
  }
  get onaway(): Handler<AwayEvent> {
    return this.#handler("away")
  }
  set onaway(handler: Handler<AwayEvent>) {
    this.#handle("away", handler)
  }
  get onback(): Handler<Event> {
    return this.#handler("back")
  }
  set onback(handler: Handler<Event>) {
    this.#handle("back", handler)
  }

  get [Symbol.toStringTag]() {
    return "WebSocket"
  }

  send(data: Arguments.Data): void {
    if (arguments.length === 0) throw new TypeError("`send` needs a message")
    const message = Arguments.frameOf(data)
    if (this.#readyState >= CLOSING) {
      this.#late += message.size
      return
    }
    const { bytes, messages } = this.#waiting
    if (this.#engine.isFull || messages >= this.#marks.messages || bytes >= this.#marks.bytes) {
      throw new DOMException("too much waits to be sent; see `bufferedAmount` and `buffer`", "QuotaExceededError")
    }
    if (this.bufferedAmount >= 0) this.#taken += message.size // asked, because what was taken before may be gone
    if (!(message instanceof Blob)) {
      if (this.#unread.length > 0) this.#unread.push({ size: message.size, frame: message })
      else this.#give(message)
      return
    }
    const slot: Unread = { size: message.size, frame: undefined }
    this.#unread.push(slot)
    void message.arrayBuffer().then(
      (content) => {
        slot.frame = Payload.binary(new Uint8Array(content))
        this.#giveRead()
      },
      () => {
        this.#unread.splice(this.#unread.indexOf(slot), 1)
        this.dispatchEvent(new Event("error"))
        this.#giveRead()
      },
    )
  }

  close(code?: number, reason?: string): void {
    const goodbye = Arguments.goodbyeOf(code, reason)
    if (this.#readyState >= CLOSING) return
    this.#readyState = CLOSING
    this.#goodbye = goodbye
    this.#leave()
  }

  reconnect(): void {
    if (this.#readyState < CLOSING) Effect.runFork(this.#engine.reconnect("asked to"))
  }

  /** What the engine has not been given yet. */
  get #waiting(): { readonly messages: number; readonly bytes: number } {
    if (this.#greeted && this.#unread.length === 0) return nothing
    const all = [...(this.#greeted ? [] : this.#greeting), ...this.#unread]
    return { messages: all.length, bytes: all.reduce((sum, { size }) => sum + size, 0) }
  }

  #give(frame: Frame): void {
    if (this.#opening) this.#greeting.push(frame)
    else this.#engine.send(frame)
  }

  #giveRead(): void {
    while (this.#unread[0]?.frame !== undefined) this.#give(this.#unread.shift()!.frame!)
    this.#leave()
  }

  #asked(url: () => string | Promise<string>, target: string): Effect.Effect<string, TransportError> {
    return Effect.callback((resume) => {
      const failed = (error: unknown) => {
        const why = `no URL: ${String(error)}`
        resume(Effect.fail(new TransportError({ reason: new Unreachable({ target, kind: "other", why }) })))
      }
      const answer = new Promise<string>((resolve) => resolve(url()))
      void answer
        .then((given) => {
          this.#url = Arguments.urlOf(given)
          resume(Effect.succeed(this.#url))
        })
        .catch(failed)
    })
  }

  #greet(send: (frame: Frame) => Effect.Effect<void>): Effect.Effect<void> {
    const greeting = this.#greeting
    return Effect.gen(function* () {
      for (const frame of greeting) yield* send(frame)
    })
  }

  #connected(resumed: boolean): void {
    if (this.#goodbye !== undefined) return
    this.#protocol = this.#engine.protocol
    this.#extensions = this.#engine.extensions
    this.#origin = new URL(this.#url).origin
    this.#readyState = OPEN
    if (!resumed) {
      this.#greeted = false
      this.#greeting = []
    }
    if (this.#opened) this.dispatchEvent(new Event("back"))
    if (resumed || this.#readyState !== OPEN) return
    this.#opened = true
    this.#opening = true
    this.dispatchEvent(new Event("open"))
    this.#opening = false
  }

  #message(frame: Frame): void {
    if (this.#readyState !== OPEN) return
    this.dispatchEvent(new MessageEvent("message", { data: this.#dataOf(frame), origin: this.#origin }))
  }

  #dataOf(frame: Frame): string | Blob | ArrayBuffer {
    if (frame.text) return Payload.read(frame)
    // A Blob copies its parts, so only a buffer is to be of the message alone.
    const bytes = frame.bytes() as Uint8Array<ArrayBuffer> // no transport shares memory with threads
    if (this.#binaryType === "blob") return new Blob([bytes])
    const { buffer } = bytes
    return buffer.byteLength === bytes.byteLength ? buffer : new Uint8Array(bytes).buffer
  }

  #away({ code, reason }: CloseInfo, uncertain: Range | undefined): void {
    if (this.#goodbye !== undefined) return this.#say(this.#goodbye)
    this.#readyState = CONNECTING
    this.#greeted = true
    const count = uncertain === undefined ? 0 : uncertain[1] - uncertain[0] + 1
    this.dispatchEvent(Object.assign(new Event("away"), { code, reason, uncertain: count }))
  }

  #over({ clean: wasClean, code, reason }: CloseInfo): void {
    this.#readyState = CLOSED
    Effect.runFork(Scope.close(this.#scope, Exit.void))
    if (!wasClean) this.dispatchEvent(new Event("error"))
    const about = { code, reason, wasClean }
    // Node has the class since 23.
    const plain = typeof CloseEvent === "undefined"
    this.dispatchEvent(plain ? Object.assign(new Event("close"), about) : new CloseEvent("close", about))
  }

  /** Says goodbye, unless a Blob comes first. */
  #leave(): void {
    if (this.#goodbye !== undefined && this.#unread.length === 0) this.#say(this.#goodbye)
  }

  // Later, because no event is told while `close` runs.
  #say({ code, reason }: Omit<CloseInfo, "clean">): void {
    if (this.#said) return
    this.#said = true
    Effect.runFork(Effect.andThen(Effect.yieldNow, this.#engine.close(code, reason)))
  }

  #handler<E>(type: string): Handler<E> {
    return (this.#handlers.get(type)?.handler ?? null) as Handler<E> // put there by the setter of the same type
  }

  #handle(type: string, handler: unknown): void {
    const before = this.#handlers.get(type)
    if (typeof handler !== "function") {
      if (before !== undefined) this.removeEventListener(type, before.listener)
      this.#handlers.delete(type)
      return
    }
    // One that takes the place of another is called when that would have been.
    const listener = before?.listener ?? ((event: Event) => void this.#handler<Event>(type)?.call(this, event))
    this.#handlers.set(type, { handler, listener })
    this.addEventListener(type, listener)
  }
}
