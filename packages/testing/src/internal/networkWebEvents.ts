/**
 * The events of a WebSocket as browsers have them, made of those that `ws` emits.
 */
import { Events, type Listener } from "./networkEvents.ts"

/** What listeners get; which fields are there depends on the type. */
export interface Web {
  readonly type: string
  readonly target: object
  readonly data?: unknown
  readonly code?: number
  readonly reason?: string
  readonly wasClean?: boolean
  readonly error?: unknown
  readonly message?: string
}

type Handler = ((event: Web) => void) | null

/** Emits, and calls those who listen as in browsers. */
export class WebEvents extends Events {
  onopen: Handler = null
  onmessage: Handler = null
  onclose: Handler = null
  onerror: Handler = null
  readonly #web: Array<{ readonly type: string; readonly listener: (event: Web) => void; readonly own: Listener }> = []
  #silent = false

  addEventListener(type: string, listener: (event: Web) => void, options: { readonly once?: boolean } = {}): void {
    const own: Listener = (...args) => {
      if (options.once === true) this.removeEventListener(type, listener)
      listener.call(this, eventOf(this, type, args))
    }
    this.#web.push({ type, listener, own })
    this.on(type, own)
  }
  removeEventListener(type: string, listener: (event: Web) => void): void {
    const index = this.#web.findIndex((one) => one.type === type && one.listener === listener)
    if (index >= 0) this.off(type, this.#web.splice(index, 1)[0]!.own)
  }
  override emit(event: string, ...args: ReadonlyArray<unknown>): boolean {
    if (this.#silent) return false
    const handler = this.#handler(event)
    if (handler === null) return super.emit(event, ...args)
    handler.call(this, eventOf(this, event, args))
    return this.listenerCount(event) === 0 || super.emit(event, ...args)
  }
  /** Nobody hears of anything any more. */
  silence(): void {
    this.#silent = true
  }

  #handler(event: string): Handler {
    return event === "open" || event === "message" || event === "close" || event === "error" ? this[`on${event}`] : null
  }
}

const eventOf = (target: object, type: string, args: ReadonlyArray<unknown>): Web => {
  const [first, second] = args
  switch (type) {
    case "message":
      return { type, target, data: second === true ? first : String(first) }
    case "close":
      return { type, target, code: Number(first), reason: String(second), wasClean: first !== 1006 }
    case "error":
      return { type, target, error: first, message: first instanceof Error ? first.message : "" }
    default:
      return { type, target }
  }
}
