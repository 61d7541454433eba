/**
 * The only reader of payload: the upstream's first message as a gate, and the in-band words of ws-reconnect-proxy under `compat`.
 * Says of each message whether it goes through; everything else goes through unread.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Frame } from "../Transport.ts"
import type { Flow } from "./flow.ts"
import * as HeaderRules from "./headers.ts"
import * as Payload from "./payload.ts"

/** What to understand. */
export interface Words {
  /** The upstream's first message lets the client's messages through. */
  readonly gate: boolean
  readonly compat: boolean
  /** The client wants to see the gate's message (`x-replay-id`). */
  readonly forward: boolean
}

/** What the words act on. */
export interface Stage {
  readonly up: Flow
  readonly down: Flow
  readonly toClient: (frame: Frame) => void
  readonly toUpstream: (frame: Frame) => void
  /** The gate is open. */
  readonly opened: () => void
  /** Bytes that are kept for the next upstream, more or fewer. */
  readonly kept: (change: number) => void
  /** The upstream gave the session this id. */
  readonly named: (id: string) => void
}

/** The words of one session. */
export class Dialect {
  /** Sent first to an upstream that is dialled again. */
  info: Frame | undefined
  readonly #words: Words
  readonly #stage: Stage
  #closed: boolean
  #greeting = false

  constructor(words: Words, stage: Stage) {
    this.#words = words
    this.#stage = stage
    this.#closed = words.gate
    if (words.gate) stage.up.lock()
  }

  /** Whether it waits for the first message. */
  get waits(): boolean {
    return this.#closed
  }

  /** A message of the upstream; `true` when it goes on to the client. */
  upstream(frame: Frame): boolean {
    const greeting = this.#greeting
    this.#greeting = false
    if (this.#closed) {
      this.#closed = false
      this.#keep(frame)
      this.#stage.up.unlock()
      this.#stage.opened()
      return this.#words.forward
    }
    // Some upstreams greet every connection alike, also one that is told that it is not new.
    if (greeting && this.#words.gate && this.info !== undefined && same(frame, this.info)) return this.#words.forward
    if (!this.#words.compat || !frame.text) return true
    if (startsWith(frame, reconnect)) {
      this.#keep(frame)
      this.#stage.up.unlock()
      this.#stage.down.unlock()
      return false
    }
    if (!is(frame, restart)) return true
    this.#stage.up.lock()
    this.#stage.toUpstream(locked)
    return false
  }

  /** A message of the client; `true` when it goes on to the upstream. */
  client(frame: Frame): boolean {
    if (!this.#words.compat || !frame.text || !is(frame, restart)) return true
    this.#stage.down.lock()
    this.#stage.toClient(locked)
    return false
  }

  /** What an upstream that is dialled again hears of the session before anything else. */
  greeting(): ReadonlyArray<Frame> {
    this.#greeting = true
    return this.info === undefined ? [] : [this.info]
  }

  /** It is there, and greeted. */
  upstreamIsBack(): void {
    if (!this.#closed) this.#stage.up.unlock()
  }

  /** The client came back. */
  clientIsBack(): void {
    this.#stage.down.unlock()
  }

  #keep(frame: Frame): void {
    const info = Payload.detached(frame)
    this.#stage.kept(info.size - (this.info?.size ?? 0))
    this.info = info
    if (this.#words.compat && frame.size <= longestInfo && startsWith(frame, reconnect)) {
      const id = idIn(Payload.read(frame).slice(reconnect.length))
      if (id !== undefined) this.#stage.named(id)
    }
  }
}

const reconnect = "RECONNECT "
const restart = "PROXY_RESTART"

/** What is longer is kept, but not read, in bytes. */
const longestInfo = 16 * 1024
const locked = Payload.text("PROXY_LOCKED")

const startsWith = (frame: Frame, word: string): boolean => {
  if (frame.size < word.length) return false
  const bytes = frame.bytes()
  for (let at = 0; at < word.length; at++) if (bytes[at] !== word.charCodeAt(at)) return false
  return true
}

const is = (frame: Frame, word: string): boolean => frame.size === word.length && startsWith(frame, word)

const same = (one: Frame, other: Frame): boolean => {
  if (one.text !== other.text || one.size !== other.size) return false
  const [left, right] = [one.bytes(), other.bytes()]
  return left.every((byte, at) => byte === right[at])
}

const idIn = (json: string): string | undefined => {
  const found = Option.getOrUndefined(decodeInfo(json))
  const id = found?.reconnectId ?? found?.connectionId
  return typeof id === "string" ? HeaderRules.acceptableId(id) : undefined
}

const decodeInfo = Schema.decodeUnknownOption(
  Schema.fromJsonString(
    Schema.Struct({
      reconnectId: Schema.optionalKey(Schema.Unknown),
      connectionId: Schema.optionalKey(Schema.Unknown),
    }),
  ),
)
