/**
 * The connections that came in through a proxy, and the faults they suffer: those that are open and those that are still to come.
 * Plain code.
 */
import type * as Fault from "../Fault.ts"
import type { Event } from "../FaultPlan.ts"
import type { Address } from "./address.ts"
import type { Alarm } from "./alarm.ts"
import * as Chance from "./chance.ts"
import * as Toxics from "./toxics.ts"
import { Pair } from "./proxyPair.ts"
import * as Tcp from "./tcp.ts"

/** A fault on its way to the connections. */
export interface Order {
  readonly fault: Fault.Fault
  readonly on: string
  /** Where its random numbers come from; the same order with the same seed and number draws the same ones. */
  readonly seed: number
  readonly number: number
  /** The chance that a connection suffers it at all. */
  readonly toxicity: number
}

interface Active {
  readonly begin: (pair: Pair) => () => void
  readonly undo: Map<Pair, () => void>
}

/** The connections of one proxy and what they suffer. */
export class Connections {
  readonly #upstream: Address
  readonly #alarm: () => Alarm
  readonly #route: Toxics.Around["route"]
  readonly #pairs = new Set<Pair>()
  readonly #active = new Set<Active>()
  readonly #counts = { connect: 0, message: 0 }
  readonly #triggers = new Set<{
    readonly kind: "connect" | "message"
    readonly count: number
    readonly go: () => void
  }>()
  #accepted = 0

  constructor(upstream: Address, alarm: () => Alarm, route: Toxics.Around["route"]) {
    this.#upstream = upstream
    this.#alarm = alarm
    this.#route = route
  }

  get open(): number {
    return this.#pairs.size
  }

  /** A client has come. */
  accept(client: Tcp.End, hear: (ear: Tcp.Ear) => void): void {
    const pair: Pair = new Pair(++this.#accepted, client, hear, {
      alarm: this.#alarm,
      dial: (dialled) => Tcp.dial(this.#upstream, dialled),
      opened: () => this.#happened("connect"),
      message: () => this.#happened("message"),
      over: () => this.#over(pair),
    })
    this.#pairs.add(pair)
    for (const active of this.#active) active.undo.set(pair, active.begin(pair))
    pair.begin()
  }

  /** The fault begins; the answer ends it. It must be one that can happen here. */
  begin({ fault, number, on, seed, toxicity }: Order): () => void {
    const begin = Toxics.meaning(fault, { route: this.#route, on })!
    const active: Active = {
      begin: (pair) => {
        const chance = streamOf(seed, number, pair.number)
        return chance() / 2 ** 32 < toxicity ? begin(pair, chance) : () => {}
      },
      undo: new Map(),
    }
    this.#active.add(active)
    for (const pair of this.#pairs) active.undo.set(pair, active.begin(pair))
    return () => {
      this.#active.delete(active)
      for (const undo of active.undo.values()) undo()
    }
  }

  /** Calls back at the event, counted from now; the answer gives up. */
  when(event: Event, go: () => void): () => void {
    const [kind, count] = event.split(":") as ["connect" | "message", string] // that is what an event looks like
    const trigger = { kind, count: this.#counts[kind] + Number(count), go }
    this.#triggers.add(trigger)
    return () => void this.#triggers.delete(trigger)
  }

  /** Cuts everybody. */
  end(): void {
    for (const pair of this.#pairs) pair.abort()
  }

  #happened(kind: "connect" | "message"): void {
    const count = ++this.#counts[kind]
    for (const trigger of this.#triggers) {
      if (trigger.kind !== kind || trigger.count !== count) continue
      this.#triggers.delete(trigger)
      trigger.go()
    }
  }

  #over(pair: Pair): void {
    this.#pairs.delete(pair)
    for (const { undo } of this.#active) {
      undo.get(pair)?.()
      undo.delete(pair)
    }
  }
}

// A stream for each fault and connection, so that what one draws does not depend on when others do.
const streamOf = (seed: number, order: number, pair: number): Chance.Chance =>
  Chance.make(((order * 8191 + pair) & 0x1fffff) * 2 ** 32 + (seed >>> 0), "random")
