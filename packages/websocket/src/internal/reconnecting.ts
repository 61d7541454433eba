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
import { Waiting } from "./waiting.ts"
import * as Wheel from "./wheel.ts"

/** Whose link and events these are. */
export const program = "client"

export interface Options {
  /** In events and lists; never a secret. */
  readonly target: string
  /** Asked before every dial, of which it is a part. */
  readonly url: Effect.Effect<string, TransportError>
  readonly dial: Omit<Dialer.Target, "url">
  readonly backoff: Schedule.Schedule<unknown> | undefined
  /** Milliseconds. */
  readonly stableAfter: number
  /** Milliseconds without a connection, `undefined` for ever. */
  readonly giveUpAfter: number | undefined
  readonly marks: Marks
  readonly uncertain: "drop" | "replay" | "fail"
  /** What waits is given up with its session, and a doubt under `fail` ends the session, not all. Default `false`. */
  readonly perSession?: boolean | undefined
  readonly beat: Beat
  /** Sends what a new session must hear before anything else. Not after a resume, unless it may not have arrived. */
  readonly greet?: ((send: (frame: Frame) => Effect.Effect<void>) => Effect.Effect<void>) | undefined
  readonly listener: Listener
  /** Here it is, before it dials. */
  readonly made?: ((self: Reconnecting) => void) | undefined
}

/** Who hears of it. Plain callbacks; none is called after `over`. */
export interface Listener {
  /** Connected. `resumed`: to the session of before, which has missed nothing. */
  readonly connected: (resumed: boolean) => void
  /** What `greet` had to say is on its way, and what waited behind it. */
  readonly greeted?: (() => void) | undefined
  readonly message: (frame: Frame) => void
  /** The connection was lost, and is dialled again; these numbers may not have arrived. Never before its `connected`. */
  readonly away: (end: CloseInfo, uncertain: Range | undefined) => void
  /** The outbox is full, or has room again. */
  readonly pressure: (full: boolean) => void
  /** So many messages that wait were given up. At most once a second, and before `over`. */
  readonly gaveUp?: ((messages: number, why: Why) => void) | undefined
  /** Nothing will dial again; these numbers may not have arrived. Once. */
  readonly over: (end: CloseInfo, uncertain?: Range) => void
}

/** Why messages were given up that waited: no room, no connection any more, or a session that is over. */
export type Why = "full" | "over" | "session"

interface Session {
  /** Nobody else is shown its token. */
  readonly origin: string
  readonly id: string
  readonly token: string
}

/** `shown`: the session that was asked for. */
type Reached = { readonly transport: Transport; readonly origin: string; readonly shown: Session | undefined }
type Lost = Link.OnLost<Reached>
type Gone = Parameters<Lost>[1]
type Fork = Parameters<Lost>[2]

/** Someone who greets and sends nothing is given up after so many milliseconds; so is a greeting that holds up a goodbye. */
const patience = { greeting: 20_000, goodbye: 10_000, renewal: 1000 } as const

/** Messages that were given up are told of together, after so many milliseconds. */
const together = 1000

/** Dials at once, and until the scope closes or `over`. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Reconnecting, never, Scope.Scope> {
  const wheel = yield* Wheel.make
  const context = yield* Effect.context<never>()
  // The link's own: it is shut down when all is over, which may be long before the client's scope closes.
  const scope = yield* Scope.fork(yield* Effect.scope)
  const hangUp = () => void Effect.runForkWith(context)(Scope.close(scope, Exit.void))
  const self = new Reconnecting(options, wheel, context, hangUp)
  options.made?.(self)
  self.link = yield* Link.make<Reached, TransportError, Scope.Scope>({
    program,
    target: options.target,
    connect: self.connect,
    redial: "paced",
    backoff: Retries.patient(options.backoff ?? Backoff.full(), () => wheel.now() - self.began),
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
  /** The last dial. */
  began = 0
  /** What was sent. */
  readonly traffic = Traffic.none()
  readonly #options: Options
  readonly #wheel: Wheel.Wheel
  readonly #dialer: typeof Dialer.Dialer.Service
  readonly #flow: Flow
  readonly #hangUp: () => void
  readonly #news = new Waiting()
  readonly #givenUp = new Map<Why, number>()
  #current: { readonly hop: Hop; readonly gone: Gone; readonly fork: Fork } | undefined
  #session: Session | undefined
  /** There is a session, or it may still be found again. */
  #live = false
  /** `said`: it is on its way, and has arrived with the next `owed` answers to our Pings. */
  #greeting: "none" | "said" | "sure" = "none"
  #owed = 0
  #paused = false
  #protocol = ""
  #leaving: CloseCode.Goodbye | undefined
  #renewing = false
  #ending: CloseInfo | undefined

  constructor(options: Options, wheel: Wheel.Wheel, context: Context.Context<never>, hangUp: () => void) {
    this.#hangUp = hangUp
    this.#options = options
    this.#wheel = wheel
    this.#dialer = Context.get(context, Dialer.Dialer)
    this.#flow = new Flow({
      marks: options.marks,
      replay: options.uncertain === "replay",
      traffic: this.traffic,
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
    const { heldBytes, heldMessages } = this.#flow
    return heldMessages > 0 && (heldMessages >= messages || heldBytes >= bytes)
  }

  /** It is, or the connection cannot take more. */
  get isPressed(): boolean {
    return this.#flow.paused
  }

  get isOver(): boolean {
    return this.#ending !== undefined
  }

  /** How it ended. Known before anybody is told, also to those who were waiting for room. */
  get ending(): CloseInfo | undefined {
    return this.#ending
  }

  /** Bytes that were taken and have not been handed to the operating system. */
  get bufferedBytes(): number {
    return this.#flow.heldBytes + (this.#current?.hop.transport.unsentBytes() ?? 0)
  }

  /** Messages that were taken and never sent. */
  get waiting(): number {
    return this.#flow.waiting
  }

  /** The next connection may be to the same session. */
  get mayResume(): boolean {
    return this.#session !== undefined
  }

  /** A message is given up before it is taken. */
  drop(): void {
    this.traffic.lost++
    this.#giveUp(1, "full")
  }

  /** Gives up the oldest message that is held. */
  dropOldest(): void {
    if (this.#flow.heldMessages === 0) return
    this.#flow.dropOldest()
    this.#flow.takeAbandoned()
    this.#giveUp(1, "full")
  }

  /** The subprotocol of the last connection. */
  get protocol(): string {
    return this.#protocol
  }

  /** The extensions of this connection. */
  get extensions(): string {
    const { "sec-websocket-extensions": extensions } = this.#current?.hop.transport.headers ?? {}
    return typeof extensions === "string" ? extensions : ""
  }

  /** The socket is not read, so that the peer feels it. */
  pause(paused: boolean): void {
    if (this.#paused === paused) return
    this.#paused = paused
    this.#current?.hop.pause(paused)
  }

  /** Hangs up and dials again, now. */
  readonly reconnect = (why: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (this.isOver || this.#leaving !== undefined) return Effect.void
      this.#part(why)
      return this.link.reconnect(why)
    })

  /** Says goodbye to this session, without waiting for it; the next connection is another's. */
  renew(code: number, reason: string): void {
    if (this.isOver || this.#leaving !== undefined) return
    this.#forget()
    const current = this.#current
    if (current === undefined) return
    const { fork, gone, hop } = current
    this.#away(hop, { code, reason, clean: true }, hop.leave())
    this.#renewing = true
    fork(
      Effect.andThen(
        Effect.timeoutOption(hop.transport.close(code, reason), patience.renewal),
        Effect.sync(() => {
          this.#renewing = false
          this.#news.wake()
          gone("renewed", "local", true)
        }),
      ),
    )
  }

  /** Sends what waits, says goodbye and waits for the answer. While away there is nobody to tell, and what waits is lost. */
  readonly close = (code: number, reason: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (this.isOver) return Effect.void
      const hop = this.#current?.hop
      this.#leaving ??= { code, reason }
      if (hop === undefined) {
        const away = () => this.#end({ code: 1006, reason: "closed while away", clean: false })
        if (!this.#renewing) return Effect.sync(away)
        const renewed = this.#until(() => !this.#renewing)
        return Effect.andThen(Effect.timeoutOption(renewed, patience.renewal), Effect.sync(away))
      }
      const greeted = this.#until(() => this.#greeting !== "none" || this.#current?.hop !== hop)
      const say = Goodbye.say({ flow: this.#flow, hop, goodbye: this.#leaving, when: "handed" })
      return Effect.timeoutOption(greeted, patience.goodbye).pipe(
        Effect.andThen(say),
        // One that was cut says so later.
        Effect.andThen(Effect.sync(() => this.#end(CloseCode.vanished, hop.leave(), true))),
      )
    })

  /** One attempt: back into the session, or into a new one if that is over. */
  get connect(): Effect.Effect<Reached, TransportError, Scope.Scope> {
    const dial = (url: string, headers: Record<string, string>) =>
      this.#dialer.dial({ ...this.#options.dial, url, headers: { ...this.#options.dial.headers, ...headers } })
    return Effect.flatMap(this.#options.url, (url) => {
      this.began = this.#wheel.now()
      const { origin } = new URL(url)
      const fresh = Effect.map(dial(url, {}), (transport): Reached => ({ transport, origin, shown: undefined }))
      const session = this.#session
      if (session?.origin !== origin) return fresh
      const back = dial(url, { [HeaderRules.reconnectId]: session.id, [HeaderRules.resumeToken]: session.token })
      return back.pipe(
        Effect.map((transport): Reached => ({ transport, origin, shown: session })),
        Effect.catchIf(Retries.isForgotten, () => {
          if (this.#session === session) this.#session = undefined
          return fresh
        }),
      )
    })
  }

  reached({ origin, shown, transport }: Reached, gone: Gone, fork: Fork): void {
    if (this.isOver || this.#leaving !== undefined) return gone("closed", "local", false)
    if (shown !== undefined && shown !== this.#session) return gone("renewed", "local", true)
    this.#part("replaced") // from one that was hung up, and has not said so yet
    if (this.isOver) return gone("closed", "local", false)
    const { beat, greet, listener, marks } = this.#options
    const session = sessionOf(transport, origin)
    // A server that knows nothing of sessions lets in whoever shows one.
    const resumed = shown !== undefined && session?.id === shown.id
    if (!resumed && this.#live && this.#options.perSession === true) this.#forget()
    this.#session = session
    this.#live = true
    this.#protocol = transport.protocol
    let announced = false
    const announce = () => {
      if (announced) return
      announced = true
      listener.connected(resumed)
    }
    const hop = new Hop({
      transport,
      outOf: this.#flow,
      wheel: this.#wheel,
      beat,
      bufferBytes: marks.bytes,
      frame: (frame) => {
        announce()
        if (!this.isOver) listener.message(frame)
      },
      writable: () => this.#news.wake(),
      alive: () => {
        if (this.#current?.hop === hop && this.#greeting === "said" && --this.#owed <= 0) this.#greeting = "sure"
      },
      ended: (end, uncertain) => {
        announce()
        this.#ended(hop, end, uncertain, gone)
      },
    })
    this.#current = { hop, gone, fork }
    if (this.#paused) hop.pause(true)
    if (greet === undefined) this.#greeting = "sure"
    else if (!resumed || this.#greeting !== "sure") this.#greeting = "none"
    if (this.#greeting === "none") this.#flow.lock()
    hop.open()
    announce()
    if (this.#greeting === "none" && this.#current?.hop === hop) fork(this.#greet(hop, greet!))
  }

  /** Dialling has come to nothing. */
  parked(error: TransportError | LinkError): void {
    this.#end(Retries.endOf(error))
  }

  /** A session without its greeting is worth nothing; another may fare better. */
  #greet(hop: Hop, greet: NonNullable<Options["greet"]>): Effect.Effect<void> {
    const began = this.#wheel.now()
    let bytes = 0
    const send = (frame: Frame) =>
      Effect.andThen(
        this.#sendOn(hop, frame),
        Effect.sync(() => void (bytes += frame.size)),
      )
    const stuck = Effect.gen(function* () {
      const taken = () => bytes - hop.transport.unsentBytes()
      let before: number
      do {
        before = taken()
        yield* Effect.sleep(patience.greeting)
      } while (taken() > before)
      return Exit.die("it has sent nothing for too long")
    })
    const greeting = Effect.exit(Effect.suspend(() => greet(send)))
    return Effect.flatMap(Effect.raceFirst(greeting, stuck), (exit) =>
      Effect.suspend(() => {
        if (this.#current?.hop !== hop) return Effect.void
        if (Exit.isFailure(exit)) {
          hop.transport.cut()
          return Effect.logError("onSession did not succeed; the connection is given up", exit.cause)
        }
        this.#greeting = "said"
        // A Ping of the heartbeat may be on its way.
        this.#owed = this.#wheel.now() - began < this.#options.beat.interval ? 1 : 2
        hop.outlet.barrier()
        this.#flow.unlock()
        this.#options.listener.greeted?.()
        this.#news.wake()
        return Effect.void
      }),
    )
  }

  /** From now on nothing goes this way any more. */
  #part(why: string): void {
    if (this.#current === undefined) return
    const { gone, hop } = this.#current
    const hungUp: Gone = (_, __, again) => gone(why, "local", again)
    this.#ended(hop, { ...CloseCode.vanished, reason: why }, hop.leave(), hungUp)
  }

  #ended(hop: Hop, end: CloseInfo, uncertain: Range | undefined, gone: Gone): void {
    const { perSession = false, uncertain: policy } = this.#options
    const told = CloseCode.told(end)
    const leaving = this.#leaving
    if (leaving !== undefined || (Retries.isDismissal(end) && !(perSession && end.code === 1000))) {
      this.#current = undefined
      // Whoever answers our goodbye has read what came before it.
      const answered = leaving !== undefined && end.clean && end.code === leaving.code
      if (leaving === undefined) gone(told, CloseCode.reasonLabel(end), false)
      return this.#end(end, answered ? undefined : uncertain, true)
    }
    const fails = policy === "fail" && uncertain !== undefined
    // Who says goodbye has ended the session, unless it may be somebody in between who goes away.
    const over = fails || this.#session === undefined || (end.clean && end.code !== 1001)
    if (perSession && over) this.#forget()
    // First, because the link wakes those who watch it, and they may do anything.
    this.#away(hop, end, uncertain)
    gone(told, CloseCode.reasonLabel(end), !fails || perSession)
    if (fails && !perSession) this.#end({ ...CloseCode.unconfirmed(uncertain), clean: false })
  }

  #away(hop: Hop, end: CloseInfo, uncertain: Range | undefined): void {
    if (this.#current?.hop === hop) this.#current = undefined
    this.#news.wake()
    this.#options.listener.away(end, uncertain)
  }

  /** The session is over, and what waits for it. */
  #forget(): void {
    this.#session = undefined
    this.#live = false
    const { heldMessages } = this.#flow
    // Not one more: those who waited for room may be quicker.
    for (let left = heldMessages; left > 0; left--) this.#flow.dropOldest()
    this.#flow.takeAbandoned()
    this.#giveUp(heldMessages, "session")
  }

  #end(end: CloseInfo, uncertain?: Range, connected = false): void {
    if (this.isOver) return
    this.#ending = end
    const { heldMessages } = this.#flow
    this.#flow.stop()
    const unsent = this.#flow.takeAbandoned()
    // While away nothing tells of what was to be sent again.
    this.#giveUp(connected ? unsent : heldMessages, "over")
    this.#tell()
    this.#news.wake()
    this.#hangUp()
    this.#options.listener.over(end, uncertain)
  }

  #giveUp(messages: number, why: Why): void {
    if (messages === 0) return
    if (this.#givenUp.size === 0) this.#wheel.at(this.#wheel.now() + together, { ring: () => this.#tell() })
    this.#givenUp.set(why, (this.#givenUp.get(why) ?? 0) + messages)
  }

  #tell(): void {
    const told = [...this.#givenUp]
    this.#givenUp.clear()
    for (const [why, messages] of told) this.#options.listener.gaveUp?.(messages, why)
  }

  #sendOn(hop: Hop, frame: Frame): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#current?.hop !== hop) return Effect.never // whoever greets is interrupted
      if (hop.transport.send(frame)) return Effect.void
      return Effect.andThen(this.#news.after(this.#news.turn), this.#sendOn(hop, frame))
    })
  }

  #until(holds: () => boolean): Effect.Effect<void> {
    return Effect.suspend(() =>
      holds() ? Effect.void : Effect.andThen(this.#news.after(this.#news.turn), this.#until(holds)),
    )
  }
}

/** A Holdfast proxy says in its 101 how to come back. */
const sessionOf = ({ headers }: Transport, origin: string): Session | undefined => {
  const { [HeaderRules.connectionId]: id, [HeaderRules.resumeToken]: token } = headers
  return typeof id === "string" && typeof token === "string" ? { origin, id, token } : undefined
}
