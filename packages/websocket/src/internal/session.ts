/**
 * One session: an upstream that may be dialled again, clients that may come back, and a flow each way. Decides what every loss and
 * every goodbye means; the bytes pass it by. No fiber while it is open. Plain code but for the goodbyes.
 */
import type * as Connectivity from "@holdfast/core/Connectivity"
import type * as EventSchema from "@holdfast/core/EventSchema"
import type { Row } from "@holdfast/core/Telemetry"
import type * as Scope from "effect/Scope"
import type { Loss, Receipt } from "../Proxy.ts"
import type { CloseInfo, Transport } from "../Transport.ts"
import * as CloseCode from "./closeCode.ts"
import { Dialect } from "./dialect.ts"
import { Flow } from "./flow.ts"
import * as Goodbye from "./goodbye.ts"
import { Hop } from "./hop.ts"
import { Outages } from "./outage.ts"
import type { Outlet, Range } from "./outlet.ts"
import { hasVanished, isDown } from "./rules.ts"
import type { Shared } from "./shared.ts"
import { Stalls } from "./stall.ts"
import type { Key } from "./tokens.ts"
import { Deadline } from "./wheel.ts"

export interface Options {
  /** As the upstream sees it. */
  readonly id: string
  /** As logs and lists show it. */
  readonly label: string
  /** Who it belongs to, in the words of `authorize`. */
  readonly principal: string
  /** The digest of who may come back for it. */
  readonly binding: string
  readonly key: Key
  /** The client wants to see the gate's message. */
  readonly forward: boolean
  /** Closes when it is over, and cuts what is left. */
  readonly scope: Scope.Closeable
  readonly shared: Shared
  /** Everything has ended. Once. */
  readonly onOver: () => void
}

/** Tells the link of the upstream that its connection is over: why, in words and as a label, and whether to dial again. */
export type Gone = (why: string, reason: typeof EventSchema.Reason.Type, again: boolean) => void

/** Who ended it. */
type By = "client" | "upstream" | "proxy"

/** A session; it begins with `start`, or with its first client and upstream if they come when they like. */
export class Session {
  readonly id: string
  readonly label: string
  readonly principal: string
  readonly binding: string
  readonly key: Key
  readonly scope: Scope.Closeable
  /** The id by which it is found without a token. */
  name: string | undefined
  /** The subprotocol that the upstream chose. */
  protocol = ""
  readonly up: Flow
  readonly down: Flow
  /** Attempts to reach the upstream so far. */
  dials = 0
  resumes = 0
  readonly #shared: Shared
  #upstreamState: () => Connectivity.State = () => "Idle"
  readonly #dialect: Dialect | undefined
  readonly #onOver: () => void
  readonly #clients = new Set<Hop>()
  #outages: Outages | undefined
  #stalls: Stalls | undefined
  #upstream: { readonly hop: Hop; readonly gone: Gone; readonly since: number } | undefined
  /** An upstream that has not been stable since it was lost is not dialled after this. */
  #giveUpAt: number | undefined
  #waiting: { readonly transport: Transport; readonly gone: Gone } | undefined
  #started = false
  #endedBy: By | undefined
  #why = ""
  #isOver = false
  #unsettled: { readonly hop: Hop; readonly turn: number } | undefined
  #turn = 0
  #booked = 0
  readonly #linger: Deadline
  readonly #gate: Deadline
  readonly #budget: Deadline

  constructor({ binding, forward, id, key, label, onOver, principal, scope, shared }: Options) {
    const { rules } = shared
    this.id = id
    this.label = label
    this.principal = principal
    this.binding = binding
    this.key = key
    this.scope = scope
    this.#shared = shared
    this.#onOver = onOver
    this.#linger = new Deadline(shared.wheel)
    this.#gate = new Deadline(shared.wheel)
    this.#budget = new Deadline(shared.wheel)
    const { marks, uncertain } = rules
    const replay = uncertain === "replay"
    this.up = new Flow({ marks, replay, traffic: shared.up, onPressure: (paused) => this.#pressUp(paused) })
    this.down = new Flow({ marks, replay, traffic: shared.down, onPressure: (paused) => this.#pressDown(paused) })
    if (!rules.gate && !rules.compat) return
    this.#dialect = new Dialect(
      { gate: rules.gate, compat: rules.compat, forward },
      {
        up: this.up,
        down: this.down,
        toClient: (frame) => this.#clients.forEach((hop) => hop.say(frame)),
        toUpstream: (frame) => this.#upstream?.hop.say(frame),
        opened: () => this.#gate.stop(),
        kept: (change) => this.#book(change),
        named: (id) => shared.named(this, id),
      },
    )
  }

  /** A client has its answer: now both sides are heard. */
  start(client: Transport, released: () => void): void {
    this.#started = true
    this.#addClient(client, released)
    if (this.#waiting !== undefined) this.#attach(this.#waiting)
    this.#waiting = undefined
  }

  /** How its upstream is, from now on. */
  linked(state: () => Connectivity.State): void {
    this.#upstreamState = state
  }

  /** Starts before there is a client. */
  open(): void {
    this.#started = true
  }

  /** Somebody came who may come; `false` when it is too late. */
  join(client: Transport, released: () => void): boolean {
    if (this.#endedBy !== undefined) return false
    this.#addClient(client, released)
    return true
  }

  /** The client came back with the token of that turn; `false` when it is too late, or a newer one was faster. */
  rejoin(client: Transport, released: () => void, turn: number): boolean {
    if (turn < this.#turn || this.#endedBy !== undefined) return false
    this.#turn = turn
    for (const hop of [...this.#clients]) this.#supersede(hop)
    if (this.#endedBy !== undefined) return false
    this.resumes++
    const hop = this.#addClient(client, released)
    this.#unsettled = { hop, turn }
    hop.outlet.barrier() // its Pong says that the new token has arrived
    return true
  }

  /** The upstream was reached. */
  reached(transport: Transport, gone: Gone): void {
    if (this.#endedBy !== undefined) return gone(this.#why, "local", false)
    this.protocol = transport.protocol
    if (this.#started) this.#attach({ transport, gone })
    else this.#waiting = { transport, gone }
  }

  /** Nothing will dial the upstream any more. */
  parked(goodbye: CloseCode.Goodbye): void {
    if (this.#started) this.#end("upstream", goodbye)
  }

  /** The upstream has said what it is to hear when it is dialled again. */
  get hasInfo(): boolean {
    return this.#dialect?.info !== undefined
  }

  /** Memory it takes: what it holds, what is unsent, what is unfinished. */
  get bytes(): number {
    return this.up.heldBytes + this.down.heldBytes + this.#booked + this.unsentBytes
  }

  /** The part of it that is in sockets. */
  get unsentBytes(): number {
    let unsent = this.#upstream?.hop.transport.unsentBytes() ?? 0
    for (const { transport } of this.#clients) unsent += transport.unsentBytes()
    return unsent
  }

  /** One hop is missing. */
  get isDetached(): boolean {
    return this.#clients.size === 0 || this.#upstream === undefined
  }

  get isClosing(): boolean {
    return this.#endedBy !== undefined
  }

  get clients(): number {
    return this.#clients.size
  }

  /** Of the last outages that are over. */
  get receipts(): ReadonlyArray<typeof Receipt.Type> {
    return this.#outages?.receipts ?? []
  }

  row(): Row {
    return {
      _tag: "Session",
      id: this.label,
      state: this.#state,
      clientConnected: this.#clients.size > 0,
      upstreamState: this.#upstream === undefined && this.#isOver ? "Shutdown" : this.#upstreamState(),
      bufferedMessages: this.up.heldMessages + this.down.heldMessages,
      bufferedBytes: this.bytes,
      resumes: this.resumes,
    }
  }

  /** Says goodbye to both sides, with what was under way first. */
  shutdown(): void {
    for (const hop of this.#hops()) hop.pause(true)
    this.#end("proxy", CloseCode.shutdown.client, CloseCode.shutdown.upstream)
  }

  /** It takes too much memory. */
  evict(): void {
    for (const hop of this.#clients) this.#lose("client", CloseCode.noMemory, hop.outlet.uncertain)
    if (this.#upstream !== undefined) this.#lose("upstream", CloseCode.noMemory, this.#upstream.hop.outlet.uncertain)
    this.#end("proxy", CloseCode.noMemory, CloseCode.noMemory, "now")
  }

  /** Cuts both sides. */
  cut(): void {
    this.#end("proxy", CloseCode.shutdown.client, CloseCode.shutdown.upstream)
    for (const hop of this.#hops()) hop.transport.cut()
  }

  get #state() {
    if (this.#endedBy !== undefined) return "Closing"
    if (this.#clients.size === 0) return "ClientAway"
    return this.#upstream === undefined ? "UpstreamAway" : "Active"
  }

  *#hops(): Iterable<Hop> {
    yield* this.#clients
    if (this.#upstream !== undefined) yield this.#upstream.hop
  }

  #hop(
    transport: Transport,
    outOf: Flow,
    heard: Pick<ConstructorParameters<typeof Hop>[0], "frame" | "ended" | "released" | "alive">,
  ): Hop {
    const { rules, wheel } = this.#shared
    return new Hop({
      transport,
      outOf,
      wheel,
      beat: rules.beat,
      bufferBytes: rules.marks.bytes,
      unfinished: (change) => this.#book(change),
      ...heard,
    })
  }

  /** Memory beside the flows: messages that are not whole yet, and the one that is sent first on a re-dial. */
  #book(change: number): void {
    this.#booked += change
    this.#shared.booked(change)
  }

  #addClient(transport: Transport, released: () => void): Hop {
    const settle = () => {
      if (this.#unsettled?.hop !== hop) return
      this.#shared.settled(this, this.#unsettled.turn)
      this.#unsettled = undefined
    }
    const dialect = this.#dialect
    const hop = this.#hop(transport, this.down, {
      frame: (frame) => {
        if (this.#unsettled !== undefined) settle()
        if (dialect === undefined || dialect.client(frame)) this.up.push(frame)
      },
      alive: settle,
      ended: (end, uncertain) => this.#clientEnded(hop, end, uncertain),
      released,
    })
    this.#linger.stop()
    this.#clients.add(hop)
    this.#shared.resized(1)
    if (this.up.paused) hop.pause(true)
    this.#outages?.over("client", { back: true, waiting: this.down.waiting })
    dialect?.clientIsBack()
    hop.open()
    return hop
  }

  #attach({ gone, transport }: { readonly transport: Transport; readonly gone: Gone }): void {
    const dialect = this.#dialect
    const hop = this.#hop(transport, this.up, {
      frame:
        dialect === undefined
          ? (frame) => this.down.push(frame)
          : (frame) => {
              if (dialect.upstream(frame)) this.down.push(frame)
            },
      ended: (end, uncertain) => this.#upstreamEnded(end, uncertain),
      released: () => {},
    })
    this.#upstream = { hop, gone, since: this.#shared.wheel.now() }
    this.#budget.stop()
    if (this.down.paused) hop.pause(true)
    this.#outages?.over("upstream", { back: true, waiting: this.up.waiting })
    this.#awaitGate()
    hop.open(...(dialect?.greeting() ?? []))
    dialect?.upstreamIsBack()
  }

  #awaitGate(): void {
    const { client, upstream } = CloseCode.noGate
    if (this.#dialect?.waits !== true) return
    this.#gate.after(this.#shared.rules.gateTimeout, () => this.#end("proxy", client, upstream))
  }

  #clientEnded(hop: Hop, end: CloseInfo, uncertain: Range | undefined): void {
    const { rules } = this.#shared
    this.#removeClient(hop)
    if (this.#endedBy !== undefined) return this.#checkOver()
    const lost = hasVanished(end) || !end.clean
    if (this.#clients.size > 0) {
      // The others have got it, or will; but what it alone was to get, from before their time, is gone.
      const abandoned = this.down.takeAbandoned()
      if (abandoned > 0 || (lost && uncertain !== undefined)) this.#lose("client", end, lost ? uncertain : undefined)
      this.#outages?.over("client", { back: false, waiting: abandoned })
      return
    }
    const lingers = rules.lingers(end) && !this.#shared.draining()
    // Whoever is waited for is missed, whatever it said when it went; but where clients come and go, a goodbye is no loss.
    const missed = lost || (lingers && rules.single)
    if (missed) this.#lose("client", end, uncertain)
    if (!lingers) return this.#end("client", undefined, CloseCode.toUpstream(end))
    if (missed && this.#fails(uncertain)) return this.#fail(uncertain)
    const goodbye = CloseCode.toUpstream(rules.compat ? end : CloseCode.vanished)
    this.#linger.after(rules.linger, () => this.#end("client", undefined, goodbye))
  }

  #upstreamEnded(end: CloseInfo, uncertain: Range | undefined): void {
    const { gone, since } = this.#upstream!
    this.#upstream = undefined
    this.#gate.stop()
    if (this.#endedBy !== undefined) {
      gone(this.#why, "local", false)
      return this.#checkOver()
    }
    const { rules, wheel } = this.#shared
    const redials = rules.redials(end)
    const lost = redials || isDown(end) || !end.clean
    const fails = lost && this.#fails(uncertain)
    const again = redials && !(fails && !rules.forever)
    // Before anything else: when the session is over, its link is too, and hears no reason any more.
    gone(CloseCode.told(end), CloseCode.reasonLabel(end), again)
    if (lost) this.#lose("upstream", end, uncertain)
    if (fails) return this.#fail(uncertain)
    if (!again) return this.#end("upstream", CloseCode.toClient(end))
    const now = wheel.now()
    const stable = now - since >= rules.stableAfter
    this.#giveUpAt = stable ? now + rules.retryBudget : (this.#giveUpAt ?? now + rules.retryBudget)
    this.#budget.at(this.#giveUpAt, () => this.#end("upstream", CloseCode.gaveUp))
  }

  #fails(uncertain: Range | undefined): boolean {
    return this.#shared.rules.uncertain === "fail" && uncertain !== undefined
  }

  /** Rather than go on without what may be lost. An upstream for everybody goes on, its clients do not. */
  #fail(uncertain: Range | undefined): void {
    const goodbye = CloseCode.unconfirmed(uncertain)
    if (!this.#shared.rules.forever) return this.#end("proxy", goodbye, goodbye)
    for (const hop of [...this.#clients]) this.#release(hop, goodbye)
  }

  /** The newest connection wins. */
  #supersede(hop: Hop): void {
    const uncertain = this.#release(hop, CloseCode.takenOver)
    this.#lose("client", CloseCode.takenOver, uncertain)
    if (this.#fails(uncertain)) this.#fail(uncertain)
  }

  /** One client goes, the session stays. The answer is what the client may not have got. */
  #release(hop: Hop, goodbye: CloseCode.Goodbye): Range | undefined {
    const uncertain = hop.leave()
    this.#removeClient(hop)
    this.#shared.fork(hop.transport.close(goodbye.code, goodbye.reason))
    return uncertain
  }

  #removeClient(hop: Hop): void {
    if (this.#clients.delete(hop)) this.#shared.resized(-1)
    if (this.#unsettled?.hop === hop) this.#unsettled = undefined
  }

  #pressUp(paused: boolean): void {
    for (const hop of this.#clients) hop.pause(paused)
    if (paused) this.#watch(this.up, (slow) => this.#upstreamStalled(slow))
  }

  #pressDown(paused: boolean): void {
    this.#upstream?.hop.pause(paused)
    if (paused) this.#watch(this.down, (slow) => this.#clientStalled(slow))
  }

  #watch(flow: Flow, onStalled: (slow: Outlet) => void): void {
    this.#stalls ??= new Stalls(this.#shared.wheel, this.#shared.rules.stall)
    // On its way out the goodbye has a patience of its own.
    this.#stalls.watch(flow, (slow) => this.#endedBy === undefined && onStalled(slow))
  }

  #clientStalled(slow: Outlet): void {
    const { other, slow: goodbye } = CloseCode.stalled
    this.#lose("client", goodbye, slow.uncertain)
    if (this.#shared.rules.single) return this.#end("proxy", goodbye, other, "now")
    for (const hop of [...this.#clients]) if (hop.outlet === slow) this.#release(hop, goodbye)
    this.#outages?.over("client", { back: false, waiting: this.down.takeAbandoned() })
  }

  #upstreamStalled(slow: Outlet): void {
    const { other, slow: goodbye } = CloseCode.stalled
    if (!this.#shared.rules.forever) {
      this.#lose("upstream", goodbye, slow.uncertain)
      return this.#end("proxy", other, goodbye, "now")
    }
    const { hop } = this.#upstream!
    const uncertain = hop.leave()
    this.#shared.fork(hop.transport.close(goodbye.code, goodbye.reason))
    this.#upstreamEnded({ ...goodbye, clean: false }, uncertain)
  }

  #lose(hop: Loss["hop"], end: Pick<CloseInfo, "code" | "reason">, uncertain: Range | undefined): void {
    const { down, onBack, onLost, receipt, rules, up, wheel } = this.#shared
    this.#outages ??= new Outages({
      session: this.label,
      principal: this.principal,
      policy: rules.uncertain,
      traffic: (to) => (to === "client" ? down : up),
      dials: () => this.dials,
      now: wheel.now,
      receipt,
      onLost,
      onBack,
    })
    this.#outages.began(hop, end, uncertain)
  }

  #end(by: By, client?: CloseCode.Goodbye, upstream?: CloseCode.Goodbye, when: "handed" | "now" = "handed"): void {
    if (this.#endedBy !== undefined) return
    this.#endedBy = by
    const told = by === "client" ? upstream : client
    this.#why = told === undefined ? `${by} ended` : `${by} ended: ${CloseCode.told(told)}`
    this.#linger.stop()
    this.#gate.stop()
    this.#budget.stop()
    this.#unsettled = undefined
    this.#shared.closing(this)
    this.#outages?.over("client", { back: false, waiting: this.down.waiting })
    this.#outages?.over("upstream", { back: false, waiting: this.up.waiting })
    if (this.#clients.size === 0) this.down.stop()
    if (this.#upstream === undefined) this.up.stop()
    for (const hop of this.#clients) this.#farewell(this.down, hop, client, when)
    if (this.#upstream !== undefined) this.#farewell(this.up, this.#upstream.hop, upstream, when)
    this.#checkOver()
  }

  #farewell(flow: Flow, hop: Hop, goodbye: CloseCode.Goodbye | undefined, when: "handed" | "now"): void {
    if (goodbye === undefined) return hop.transport.cut()
    this.#shared.fork(Goodbye.say({ flow, hop, goodbye, when }))
  }

  #checkOver(): void {
    if (this.#endedBy === undefined || this.#isOver || this.#clients.size > 0 || this.#upstream !== undefined) return
    this.#isOver = true
    this.up.stop()
    this.down.stop()
    this.#book(-this.#booked)
    this.#onOver()
  }
}
