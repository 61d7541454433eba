/**
 * A connection that comes back: dialled again by a link, with an outbox, a heartbeat, and behind a Holdfast proxy the same session.
 * The plain part of `Client`, `ClientSocket` and `WebSocket`; it has no Stream and no Schema, for the sake of browsers.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as Link from "@holdfast/core/Link"
import type { LinkError } from "@holdfast/core/Link"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Dialer from "../Dialer.ts"
import type { CloseInfo, Frame, Transport, TransportError } from "../Transport.ts"
import * as CloseCode from "./closeCode.ts"
import { Flow, type Marks } from "./flow.ts"
import * as Goodbye from "./goodbye.ts"
import * as HeaderRules from "./headers.ts"
import { Hop } from "./hop.ts"
import type { Range } from "./outlet.ts"
import type { Beat } from "./pulse.ts"
import * as Reports from "./reports.ts"
import * as Retries from "./retries.ts"
import * as Traffic from "./traffic.ts"
import * as Wheel from "./wheel.ts"

export interface Options {
  /** In events and lists; never a secret. */
  readonly target: string
  /** Asked before every dial. */
  readonly url: Effect.Effect<string>
  readonly dial: Omit<Dialer.Target, "url">
  readonly backoff: Schedule.Schedule<unknown> | undefined
  /** Milliseconds. */
  readonly stableAfter: number
  /** Milliseconds without a connection, `undefined` for ever. */
  readonly giveUpAfter: number | undefined
  readonly marks: Marks
  readonly uncertain: "drop" | "replay" | "fail"
  readonly beat: Beat
  /** Sends what a new session must hear before anything else. Not after a resume. */
  readonly greet?: ((send: (frame: Frame) => Effect.Effect<void>) => Effect.Effect<void>) | undefined
  readonly listener: Listener
}

/** Who hears of it. Plain callbacks; none is called after `over`. */
export interface Listener {
  /** Connected. `resumed`: to the session of before, which has missed nothing. */
  readonly connected: (resumed: boolean) => void
  readonly message: (frame: Frame) => void
  /** The connection was lost, and is dialled again; these numbers may not have arrived. */
  readonly away: (end: CloseInfo, uncertain: Range | undefined) => void
  /** The outbox is full, or has room again. */
  readonly pressure: (full: boolean) => void
  /** Nothing will dial again. Once. */
  readonly over: (end: CloseInfo) => void
}

type Reached = { readonly transport: Transport; readonly resumed: boolean }

/** Dials at once, and until the scope closes or `over`. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Reconnecting, never, Scope.Scope> {
  const wheel = yield* Wheel.make
  const context = yield* Effect.context<never>()
  // The link's own: it is shut down when all is over, which may be long before the client's scope closes.
  const scope = yield* Scope.fork(yield* Effect.scope)
  const hangUp = () => void Effect.runForkWith(context)(Scope.close(scope, Exit.void))
  const self = new Reconnecting(options, wheel, context, hangUp)
  self.link = yield* Link.make<Reached, TransportError, Scope.Scope>({
    program: "client",
    target: options.target,
    connect: self.connect,
    redial: "paced",
    backoff: options.backoff ?? Backoff.full(),
    stableAfter: options.stableAfter,
    giveUpAfter: options.giveUpAfter,
    isRetryable: (error) => Retries.isWorthAnother(error),
    classify: Reports.result,
    lost: (reached, gone, fork) => self.reached(reached, gone, fork),
    parked: (error) => self.parked(error),
    eager: true,
  }).pipe(Scope.provide(scope))
  // Before the link hangs up: what was sent is on its way, and the peer is told.
  yield* Effect.addFinalizer(() => self.close(1000, ""))
  return self
})

/** The connection. */
export class Reconnecting {
  link!: Link.Link<Reached, TransportError>
  readonly #options: Options
  readonly #wheel: Wheel.Wheel
  readonly #dialer: typeof Dialer.Dialer.Service
  readonly #traffic = Traffic.none()
  readonly #flow: Flow
  readonly #hangUp: () => void
  #hop: Hop | undefined
  #session: { readonly id: string; readonly token: string } | undefined
  #greeted = false
  #paused = false
  #protocol = ""
  #leaving = false
  #over = false
  readonly #waiting = new Set<() => void>()

  constructor(options: Options, wheel: Wheel.Wheel, context: Context.Context<never>, hangUp: () => void) {
    this.#hangUp = hangUp
    this.#options = options
    this.#wheel = wheel
    this.#dialer = Context.get(context, Dialer.Dialer)
    this.#flow = new Flow({
      marks: options.marks,
      replay: options.uncertain === "replay",
      traffic: this.#traffic,
      onPressure: (full) => options.listener.pressure(full),
    })
  }

  /** Takes a message; whether there is room is `isFull`, before. */
  send(frame: Frame): void {
    this.#flow.push(frame)
  }

  /** The outbox is at its marks. */
  get isFull(): boolean {
    const { bytes, messages } = this.#options.marks
    return this.#flow.heldMessages >= messages || this.#flow.heldBytes >= bytes
  }

  /** It is, or the connection cannot take more. */
  get isPressed(): boolean {
    return this.#flow.paused
  }

  get isOver(): boolean {
    return this.#over
  }

  /** Bytes that were taken and have not been handed to the operating system. */
  get bufferedBytes(): number {
    return this.#flow.heldBytes + (this.#hop?.transport.unsentBytes() ?? 0)
  }

  /** Messages that were taken and never sent. */
  get waiting(): number {
    return this.#flow.waiting
  }

  /** A message is given up before it is taken. */
  drop(): void {
    this.#traffic.lost++
  }

  /** Gives up the oldest message that waits. */
  dropOldest(): void {
    this.#flow.dropOldest()
  }

  /** The subprotocol of the last connection. */
  get protocol(): string {
    return this.#protocol
  }

  /** The socket is not read, so that the peer feels it. */
  pause(paused: boolean): void {
    this.#paused = paused
    this.#hop?.pause(paused)
  }

  /** Hangs up and dials again, now. */
  readonly reconnect = (why: string): Effect.Effect<void> => Effect.suspend(() => this.link.reconnect(why))

  /** Sends what waits, says goodbye and waits for the answer. While away there is nobody to tell, and what waits is lost. */
  readonly close = (code: number, reason: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (this.#over) return Effect.void
      const [flow, hop] = [this.#flow, this.#hop]
      if (hop === undefined) {
        this.#end({ code: 1006, reason: "closed while away", clean: false })
        return Effect.void
      }
      this.#leaving = true
      return Goodbye.say({ flow, hop, goodbye: { code, reason }, when: "handed" })
    })

  /** One attempt: back into the session, or into a new one if that is over. */
  get connect(): Effect.Effect<Reached, TransportError, Scope.Scope> {
    const dial = (url: string, headers: Record<string, string>) =>
      this.#dialer.dial({ ...this.#options.dial, url, headers: { ...this.#options.dial.headers, ...headers } })
    return Effect.flatMap(this.#options.url, (url) => {
      const fresh = Effect.map(dial(url, {}), (transport): Reached => ({ transport, resumed: false }))
      const session = this.#session
      if (session === undefined) return fresh
      const back = dial(url, { [HeaderRules.reconnectId]: session.id, [HeaderRules.resumeToken]: session.token })
      return back.pipe(
        Effect.map((transport): Reached => ({ transport, resumed: true })),
        Effect.catchIf(Retries.isForgotten, () => {
          this.#session = undefined
          return fresh
        }),
      )
    })
  }

  reached(
    { resumed, transport }: Reached,
    gone: (why: string, reason: ReturnType<typeof CloseCode.reasonLabel> | "local", again: boolean) => void,
    fork: (effect: Effect.Effect<void>) => void,
  ): void {
    if (this.#over || this.#leaving) return gone("closed", "local", false)
    this.#session = sessionOf(transport) ?? this.#session
    this.#protocol = transport.protocol
    const { beat, greet, listener, marks } = this.#options
    const hop = new Hop({
      transport,
      outOf: this.#flow,
      wheel: this.#wheel,
      beat,
      bufferBytes: marks.bytes,
      frame: listener.message,
      writable: () => this.#writable(),
      unfinished: () => {},
      ended: (end, uncertain) => {
        this.#hop = undefined
        this.#writable()
        this.#ended(end, uncertain, gone)
      },
      released: () => {},
    })
    this.#hop = hop
    if (this.#paused) hop.pause(true)
    if (!resumed) this.#greeted = greet === undefined
    if (!this.#greeted) this.#flow.lock()
    hop.open()
    listener.connected(resumed)
    if (this.#greeted || this.#hop !== hop) return
    const send = (frame: Frame) => this.#sendOn(hop, frame)
    fork(
      greet!(send).pipe(
        Effect.andThen(
          Effect.sync(() => {
            if (this.#hop !== hop) return
            this.#greeted = true
            this.#flow.unlock()
          }),
        ),
        // A session without its greeting is worth nothing; another may fare better.
        Effect.tapDefect((bug) =>
          Effect.andThen(
            Effect.logError("onSession died", bug),
            Effect.sync(() => transport.cut()),
          ),
        ),
        Effect.catchCause(() => Effect.void),
      ),
    )
  }

  /** Dialling has come to nothing. */
  parked(error: TransportError | LinkError): void {
    this.#end(Retries.endOf(error))
  }

  #ended(end: CloseInfo, uncertain: Range | undefined, gone: Parameters<Reconnecting["reached"]>[1]): void {
    const { listener, uncertain: policy } = this.#options
    const told = CloseCode.told(end)
    if (this.#leaving || Retries.isDismissal(end)) {
      gone(told, this.#leaving ? "local" : CloseCode.reasonLabel(end), false)
      return this.#end(end)
    }
    const fails = policy === "fail" && uncertain !== undefined
    gone(told, CloseCode.reasonLabel(end), !fails)
    listener.away(end, uncertain)
    if (fails) this.#end({ ...CloseCode.unconfirmed(uncertain), clean: false })
  }

  #end(end: CloseInfo): void {
    if (this.#over) return
    this.#over = true
    this.#flow.stop()
    this.#writable()
    this.#hangUp()
    this.#options.listener.over(end)
  }

  #sendOn(hop: Hop, frame: Frame): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#hop !== hop) return Effect.never // whoever greets is interrupted
      if (hop.transport.send(frame)) return Effect.void
      const room = Effect.callback<void>((resume) => {
        const wake = () => resume(Effect.void)
        this.#waiting.add(wake)
        return Effect.sync(() => this.#waiting.delete(wake))
      })
      return Effect.andThen(room, this.#sendOn(hop, frame))
    })
  }

  #writable(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }
}

/** A Holdfast proxy says in its 101 how to come back. */
const sessionOf = ({ headers }: Transport) => {
  const { [HeaderRules.connectionId]: id, [HeaderRules.resumeToken]: token } = headers
  return typeof id === "string" && typeof token === "string" ? { id, token } : undefined
}
