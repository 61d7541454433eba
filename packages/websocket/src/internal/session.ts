/**
 * One session: an upstream that may be dialled again, clients that may come back, and a flow each way. Decides what every loss and
 * every goodbye means; the bytes pass it by. No fiber while it is open. Plain code but for the goodbyes.
 */
import type * as Connectivity from "@holdfast/core/Connectivity"
import type * as EventSchema from "@holdfast/core/EventSchema"
import type * as Scope from "effect/Scope"
import type { Loss, Receipt } from "../Proxy.ts"
import type { CloseInfo, Frame, Transport } from "../Transport.ts"
import { Clients } from "./clients.ts"
import * as CloseCode from "./closeCode.ts"
import { Dialect } from "./dialect.ts"
import { Flow } from "./flow.ts"
import * as Goodbye from "./goodbye.ts"
import { Hop } from "./hop.ts"
import { Outages } from "./outage.ts"
import type { Outlet, Range } from "./outlet.ts"
import { hasVanished, isDown } from "./rules.ts"
import type { Shared, SessionOptions } from "./shared.ts"
import * as Sides from "./sides.ts"
import { Stalls } from "./stall.ts"
import type { Key } from "./tokens.ts"
import { Deadline } from "./wheel.ts"

/** Tells the link of the upstream that its connection is over: why, in words and as a label, and whether to dial again. */
export type Gone = (why: string, reason: typeof EventSchema.Reason.Type, again: boolean) => void

/** Who ended it. */
type By = "client" | "upstream" | "proxy"

/** A session; it begins with `start`, or with its first client and upstream if they come when they like. */
export class Session implements Sides.Host {
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
  /** To its upstream. */
  link: Pick<Connectivity.Connectivity, "state"> | undefined
  readonly up: Flow
  readonly down: Flow
  /** Attempts to reach the upstream so far. */
  dials = 0
  resumes = 0
  readonly shared: Shared
  readonly #dialect: Dialect | undefined
  readonly #clients: Clients
  #outages: Outages | undefined
  #stalls: Stalls | undefined
  #upstream: { readonly hop: Hop; readonly gone: Gone; readonly since: number } | undefined
  /** An upstream that has not been stable since it was lost is not dialled after this. */
  #giveUpAt: number | undefined
  #waiting: { readonly transport: Transport; readonly gone: Gone } | undefined
  /** An upstream for everybody is heard before there is a client. */
  #started: boolean
  #endedBy: By | undefined
  #why = ""
  #isOver = false
  #booked = 0
  /** For the client to come back, for the first message, for the upstream to be reached. */
  #linger: Deadline | undefined
  #gate: Deadline | undefined
  #budget: Deadline | undefined

  constructor({ binding, forward, id, key, label, principal, scope, shared }: SessionOptions) {
    const { rules } = shared
    this.id = id
    this.label = label
    this.principal = principal
    this.binding = binding
    this.key = key
    this.scope = scope
    this.shared = shared
    this.#clients = new Clients(shared)
    this.#started = rules.forever
    this.up = new Flow(new Sides.Way(this, "upstream"))
    this.down = new Flow(new Sides.Way(this, "client"))
    if (!rules.gate && !rules.compat) return
    this.#dialect = new Dialect(
      { gate: rules.gate, compat: rules.compat, forward },
      {
        up: this.up,
        down: this.down,
        toClient: (frame) => this.#clients.all().forEach((hop) => hop.say(frame)),
        toUpstream: (frame) => this.#upstream?.hop.say(frame),
        opened: () => this.#gate?.stop(),
        kept: (change) => this.book(change),
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

  /** Somebody came who may come; `false` when it is too late. */
  join(client: Transport, released: () => void): boolean {
    if (this.#endedBy !== undefined) return false
    this.#addClient(client, released)
    return true
  }

  /** The client came back with the token of that turn; `false` when it is too late, or a newer one was faster. */
  rejoin(client: Transport, released: () => void, turn: number): boolean {
    if (turn < this.#clients.turn || this.#endedBy !== undefined) return false
    this.#clients.turn = turn
    for (const hop of this.#clients.all()) this.#supersede(hop)
    if (this.#endedBy !== undefined) return false
    this.resumes++
    const hop = this.#addClient(client, released)
    this.#clients.given(hop, turn)
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

  get heldMessages(): number {
    return this.up.heldMessages + this.down.heldMessages
  }

  /** The part of it that is in sockets. */
  get unsentBytes(): number {
    return this.#clients.unsentBytes + (this.#upstream?.hop.transport.unsentBytes() ?? 0)
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

  /** Says goodbye to both sides, with what was under way first. */
  shutdown(): void {
    for (const hop of this.#hops()) hop.pause(true)
    this.#end("proxy", CloseCode.shutdown.client, CloseCode.shutdown.upstream)
  }

  /** It takes too much memory: it goes, or where others have their share, the client that is furthest behind. */
  evict(): void {
    const { rules, wheel } = this.shared
    const { furthestBehind } = this.#clients
    if (!rules.single && furthestBehind !== undefined) return this.#giveUp(furthestBehind, CloseCode.noMemory)
    if (rules.forever) return
    for (const hop of this.#hops()) hop.pause(true)
    for (const { outlet } of this.#clients.all()) this.#lose("client", CloseCode.noMemory, outlet.takeUncertain())
    if (this.#upstream !== undefined)
      this.#lose("upstream", CloseCode.noMemory, this.#upstream.hop.outlet.takeUncertain())
    this.#end("proxy", CloseCode.noMemory, CloseCode.noMemory, "now")
    wheel.at(wheel.now() + Goodbye.soon, { ring: () => this.cut() })
  }

  /** Cuts both sides. */
  cut(): void {
    this.#end("proxy", CloseCode.shutdown.client, CloseCode.shutdown.upstream)
    for (const hop of this.#hops()) hop.transport.cut()
  }

  get state() {
    if (this.#endedBy !== undefined) return "Closing"
    if (this.#clients.size === 0) return "ClientAway"
    return this.#upstream === undefined ? "UpstreamAway" : "Active"
  }

  #hops(): ReadonlyArray<Hop> {
    return this.#upstream === undefined ? this.#clients.all() : [...this.#clients.all(), this.#upstream.hop]
  }

  /** Memory beside the flows: messages that are not whole yet, and the one that is sent first on a re-dial. */
  book(change: number): void {
    this.#booked += change
    this.shared.booked(change)
  }

  clientSays(frame: Frame, hop: Hop): void {
    this.clientLives(hop)
    if (this.#dialect === undefined || this.#dialect.client(frame)) this.up.push(frame)
  }

  /** And has what its 101 said. */
  clientLives(hop: Hop): void {
    const turn = this.#clients.settle(hop)
    if (turn !== undefined) this.shared.settled(this, turn)
  }

  upstreamSays(frame: Frame): void {
    if (this.#dialect === undefined || this.#dialect.upstream(frame)) this.down.push(frame)
  }

  #addClient(transport: Transport, released: () => void): Hop {
    const dialect = this.#dialect
    const hop = new Hop(new Sides.ClientEnd(this, transport, released))
    this.#linger?.stop()
    this.#clients.add(hop)
    if (this.up.paused) hop.pause(true)
    this.#outages?.back("client", this.down.waiting)
    dialect?.clientIsBack()
    hop.open()
    return hop
  }

  #attach({ gone, transport }: { readonly transport: Transport; readonly gone: Gone }): void {
    const dialect = this.#dialect
    const hop = new Hop(new Sides.UpstreamEnd(this, transport))
    this.#upstream = { hop, gone, since: this.shared.wheel.now() }
    this.#budget?.stop()
    if (this.#holdsUpstream) hop.pause(true)
    this.#outages?.back("upstream", this.up.waiting)
    this.#awaitGate()
    hop.open(...(dialect?.greeting() ?? []))
    dialect?.upstreamIsBack()
  }

  #awaitGate(): void {
    const { client, upstream } = CloseCode.noGate
    const { forever, gateTimeout } = this.shared.rules
    if (this.#dialect?.waits !== true) return
    this.#gate ??= new Deadline(this.shared.wheel)
    this.#gate.after(gateTimeout, () => {
      if (forever) this.#upstream?.hop.transport.cut()
      else this.#end("proxy", client, upstream)
    })
  }

  clientEnded(end: CloseInfo, uncertain: Range | undefined, hop: Hop): void {
    const { rules } = this.shared
    this.#clients.remove(hop)
    if (this.#endedBy !== undefined) return this.#left("client", end, uncertain)
    const lost = hasVanished(end) || !end.clean
    if (this.#clients.size > 0) {
      // The others have got it, or will; but what it alone was to get, from before their time, is gone.
      const abandoned = this.down.takeAbandoned()
      if (abandoned > 0 || (lost && uncertain !== undefined)) {
        this.#absences.once("client", end, lost ? uncertain : undefined, abandoned)
      }
      return
    }
    const lingers = rules.lingers(end) && !this.shared.draining()
    // Whoever is waited for is missed, whatever it said when it went; but where clients come and go, a goodbye is no loss.
    const missed = lost || (lingers && rules.single)
    if (missed) this.#lose("client", end, uncertain)
    if (!lingers) return this.#end("client", undefined, CloseCode.toUpstream(end))
    if (missed && this.#fails(uncertain)) return this.#fail(uncertain)
    const goodbye = CloseCode.toUpstream(rules.compat ? end : CloseCode.vanished)
    this.#linger ??= new Deadline(this.shared.wheel)
    this.#linger.after(rules.linger, () => this.#end("client", undefined, goodbye))
  }

  upstreamEnded(end: CloseInfo, uncertain: Range | undefined): void {
    const { gone, since } = this.#upstream!
    this.#upstream = undefined
    this.#gate?.stop()
    if (this.#endedBy !== undefined) {
      gone(this.#why, "local", false)
      return this.#left("upstream", end, uncertain)
    }
    const { rules, wheel } = this.shared
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
    this.#budget ??= new Deadline(wheel)
    this.#budget.at(this.#giveUpAt, () => this.#end("upstream", CloseCode.gaveUp))
  }

  #fails(uncertain: Range | undefined): boolean {
    return this.shared.rules.uncertain === "fail" && uncertain !== undefined
  }

  /** Rather than go on without what may be lost. An upstream for everybody goes on, its clients do not. */
  #fail(uncertain: Range | undefined): void {
    const goodbye = CloseCode.unconfirmed(uncertain)
    if (!this.shared.rules.forever) return this.#end("proxy", goodbye, goodbye)
    for (const hop of this.#clients.all()) this.#clients.release(hop, goodbye)
  }

  /** The newest connection wins. */
  #supersede(hop: Hop): void {
    const uncertain = this.#clients.release(hop, CloseCode.takenOver)
    this.#lose("client", CloseCode.takenOver, uncertain)
    if (this.#fails(uncertain)) this.#fail(uncertain)
  }

  // Each side's Pongs empty the other's buffer: under `replay` two that are not read would wait for each other.
  get #holdsUpstream(): boolean {
    return this.down.paused && !(this.up.paused && this.shared.rules.uncertain === "replay")
  }

  pressed(to: Sides.Side, paused: boolean): void {
    if (to === "upstream") this.#clients.pause(paused)
    if (to === "client" || this.down.paused) this.#upstream?.hop.pause(this.#holdsUpstream)
    if (!paused) return
    if (to === "upstream") this.#watch(this.up, (slow) => this.#upstreamStalled(slow))
    else this.#watch(this.down, (slow) => this.#clientStalled(slow))
  }

  handed(to: Sides.Side): void {
    this.#outages?.settle(to, 0)
  }

  #watch(flow: Flow, onStalled: (slow: Outlet) => void): void {
    this.#stalls ??= new Stalls(this.shared.wheel, this.shared.rules.stall)
    // On its way out the goodbye has a patience of its own.
    this.#stalls.watch(flow, (slow) => this.#endedBy === undefined && onStalled(slow))
  }

  #clientStalled(slow: Outlet): void {
    const { other, slow: goodbye } = CloseCode.stalled
    if (this.shared.rules.single) {
      this.#lose("client", goodbye, slow.takeUncertain())
      return this.#end("proxy", goodbye, other, "now")
    }
    const hop = this.#clients.of(slow)
    if (hop !== undefined) this.#giveUp(hop, goodbye)
  }

  #upstreamStalled(slow: Outlet): void {
    const { other, slow: goodbye } = CloseCode.stalled
    if (!this.shared.rules.forever) {
      this.#lose("upstream", goodbye, slow.takeUncertain())
      return this.#end("proxy", other, goodbye, "now")
    }
    const { hop } = this.#upstream!
    const uncertain = hop.leave()
    this.shared.fork(hop.transport.close(goodbye.code, goodbye.reason))
    this.upstreamEnded({ ...goodbye, clean: false }, uncertain)
  }

  /** One client of several is too much; the others stay. */
  #giveUp(hop: Hop, goodbye: CloseCode.Goodbye): void {
    const uncertain = this.#clients.release(hop, goodbye)
    this.#absences.once("client", goodbye, uncertain, this.down.takeAbandoned())
  }

  #lose(hop: Loss["hop"], end: Pick<CloseInfo, "code" | "reason">, uncertain: Range | undefined): void {
    this.#absences.began(hop, end, uncertain, (hop === "client" ? this.down : this.up).waiting)
  }

  get #absences(): Outages {
    const { down, onBack, onLost, receipt, rules, up, wheel } = this.shared
    return (this.#outages ??= new Outages({
      session: this.label,
      principal: this.principal,
      policy: rules.uncertain,
      traffic: (to) => (to === "client" ? down : up),
      dials: () => this.dials,
      now: wheel.now,
      receipt,
      onLost,
      onBack,
    }))
  }

  #end(by: By, client?: CloseCode.Goodbye, upstream?: CloseCode.Goodbye, when: "handed" | "now" = "handed"): void {
    if (this.#endedBy !== undefined) return
    this.#endedBy = by
    const told = by === "client" ? upstream : client
    this.#why = told === undefined ? `${by} ended` : `${by} ended: ${CloseCode.told(told)}`
    this.#linger?.stop()
    this.#gate?.stop()
    this.#budget?.stop()
    this.#clients.forget()
    this.shared.closing(this)
    if (this.#clients.size === 0 || when === "now") this.#giveUpOn("client", this.down)
    if (this.#upstream === undefined || when === "now") this.#giveUpOn("upstream", this.up)
    for (const hop of this.#clients.all()) this.#farewell(this.down, hop, client, when)
    if (this.#upstream !== undefined) this.#farewell(this.up, this.#upstream.hop, upstream, when)
    this.#checkOver()
  }

  /** What still waits for that side never goes out: a receipt says so, if it was missed or something waits. */
  #giveUpOn(hop: Loss["hop"], flow: Flow): void {
    const { waiting } = flow
    flow.stop()
    if (this.#outages?.isOpen(hop) === true) this.#outages.over(hop, waiting)
    else if (waiting > 0) this.#absences.once(hop, CloseCode.vanished, undefined, waiting)
  }

  #farewell(flow: Flow, hop: Hop, goodbye: CloseCode.Goodbye | undefined, when: "handed" | "now"): void {
    if (goodbye === undefined) return hop.transport.cut()
    this.shared.fork(Goodbye.say({ flow, hop, goodbye, when }))
  }

  /** One side is gone after the end. Who has answered the goodbye has got all that came before it. */
  #left(hop: Loss["hop"], end: CloseInfo, uncertain: Range | undefined): void {
    if (!end.clean && uncertain !== undefined) this.#absences.once(hop, end, uncertain, 0)
    this.#checkOver()
  }

  #checkOver(): void {
    if (this.#endedBy === undefined || this.#isOver || this.#clients.size > 0 || this.#upstream !== undefined) return
    this.#isOver = true
    this.#clients.over()
    this.#giveUpOn("upstream", this.up)
    this.#giveUpOn("client", this.down)
    this.book(-this.#booked)
    this.shared.over(this)
  }
}
