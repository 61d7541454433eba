/**
 * What breakers of one name have in common: their options, their clock, their numbers, and who is told. A `Breaker` has a group of
 * its own, a `BreakerMap` one for all its keys.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type { Change, State } from "../Breaker.ts"
import * as Events from "../Events.ts"
import * as Telemetry from "../Telemetry.ts"
import type { Machine, Refusal } from "./breakerMachine.ts"
import { Tally } from "./breakerTally.ts"
import type { Plan } from "./breakerPlan.ts"
import * as Checked from "./checked.ts"
import * as Monotonic from "./monotonic.ts"

/** The breakers of one name. */
export class Group {
  readonly name: string
  readonly program: string
  readonly plan: Plan
  readonly tally: Tally
  /** Changes kept for each of them. */
  readonly remembered: number
  /** The name of one of them in events and messages. */
  readonly nameOf: (key: unknown) => string
  /** The last one, of whichever it was. */
  refusal: Refusal | undefined
  /** Nothing changes any more. */
  closed = false
  /** Told of every change, after everybody else. */
  onChange: ((change: Change) => void) | undefined
  #unlist = () => {}
  readonly #clock: Clock.Clock
  readonly #events: Events.Hub

  constructor(
    of: Pick<Group, "name" | "program" | "plan" | "remembered" | "nameOf">,
    context: Context.Context<never>,
    tally = new Tally(of.name, context),
  ) {
    this.name = Checked.name("name", of.name)
    this.program = of.program
    this.plan = of.plan
    this.remembered = of.remembered
    this.nameOf = of.nameOf
    this.tally = tally
    this.#clock = Context.get(context, Clock.Clock)
    this.#events = Context.get(context, Events.Events)
  }

  /** Puts them into lists and metrics. */
  publish(
    context: Context.Context<never>,
    ratios: Parameters<Tally["publish"]>[0],
    actions: Telemetry.Probe["actions"],
  ): void {
    this.tally.publish(ratios)
    this.#unlist = Telemetry.registerUnsafe(context, {
      row: () => this.#row(),
      ...(actions === undefined ? {} : { actions }),
    })
  }

  /** Takes them out again. */
  leave(): void {
    this.closed = true
    this.#unlist()
    this.tally.remove()
  }

  /** For measuring; in whole milliseconds. */
  now(): number {
    return Monotonic.millis(this.#clock)
  }

  /** For people. */
  wall(): number {
    return this.#clock.currentTimeMillisUnsafe()
  }

  entered(machine: Machine): void {
    this.tally.states[machine.state]++
  }

  left(machine: Machine): void {
    this.tally.states[machine.state]--
  }

  changed(machine: Machine, change: Change): void {
    if (this.closed || machine.left) return
    this.tally.moved(change)
    const openForMillis = machine.base === "Open" ? machine.openUntil - this.now() : null
    const event: Events.Known = {
      _tag: "Breaker",
      program: this.program,
      target: machine.name,
      ...change,
      openForMillis,
    }
    this.#events.emit(event)
    this.onChange?.(change)
  }

  #row(): Telemetry.Row {
    const { failure, notPermitted, states, success } = this.tally
    return {
      _tag: "Breaker",
      program: this.program,
      target: this.name,
      state: worst.find((state) => states[state] > 0) ?? "Closed",
      count: states.Closed + states.Open + states.HalfOpen + states.Isolated,
      succeeded: success,
      failed: failure,
      refused: notPermitted,
      why: this.tally.lastWhy,
    }
  }
}

const worst: ReadonlyArray<State> = ["Isolated", "Open", "HalfOpen"]
