/**
 * Calls through one breaker, as Effects. While it is closed, and no rule asks how long calls take, all calls of one generation share
 * what is done at their end, so that a call costs one frame and nothing else.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import type { BreakerError } from "./breakerError.ts"
import { good, type Machine, type Ticket, type Verdict } from "./breakerMachine.ts"
import type { Plan } from "./breakerPlan.ts"

/** Makes calls through its machine. */
export class Calls {
  readonly machine: Machine
  #generation = -1
  #end: End | undefined

  constructor(machine: Machine) {
    this.machine = machine
  }

  /** To be evaluated at once. */
  begin<A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E | BreakerError, R> {
    // Equal only for a machine that is closed: see below.
    return this.#generation === this.machine.generation ? Effect.onExitPrimitive(call, this.#end!) : this.#look(call)
  }

  #look<A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E | BreakerError, R> {
    const { machine } = this
    if (machine.isClosed) {
      const { generation, group } = machine
      if (group.plan.measured) return Effect.onExitPrimitive(call, endOf(machine, generation, group.now()))
      this.#end = endOf(machine, generation, 0)
      this.#generation = generation
      return Effect.onExitPrimitive(call, this.#end)
    }
    // Nobody needs it while it is open, and there may be very many.
    this.#end = undefined
    const refused = machine.refuse()
    if (refused !== undefined) return (refused.exit ??= Exit.fail(refused.error))
    return machine.isFull() ? this.#wait(call) : this.#probe(call)
  }

  // The place is taken inside of what gives it back, so that an interruption in between cannot lose it.
  #probe<A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E | BreakerError, R> {
    const { machine } = this
    let ticket: Ticket | undefined
    return Effect.onExitPrimitive(
      Effect.suspend((): Effect.Effect<A, E | BreakerError, R> => {
        ticket = machine.take()
        // Something else came in between; it is as if the call came only now.
        return ticket === undefined ? this.begin(call) : call
      }),
      (exit) => {
        if (ticket !== undefined) machine.decide(ticket, () => judge(machine.group.plan.classify, exit))
        return undefined
      },
    )
  }

  #wait<A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E | BreakerError, R> {
    const { machine } = this
    let waits = false
    const decided = Effect.onExitPrimitive(
      Effect.suspend(() => {
        const { atMost, decided } = machine.waiting()
        waits = true
        return Effect.timeoutOption(decided, atMost)
      }),
      () => {
        if (waits) machine.waited()
        return undefined
      },
    )
    return Effect.flatMap(decided, () => this.begin(call))
  }
}

/** A call, and what it goes through: looked at anew each time it is run. A class, because `Effect.suspend` needs a closure for each. */
export class Through<A, E, R> extends Effectable.Class<A, E | BreakerError, R> {
  readonly #calls: Calls
  readonly #call: Effect.Effect<A, E, R>

  constructor(calls: Calls, call: Effect.Effect<A, E, R>) {
    super()
    this.#calls = calls
    this.#call = call
  }

  override asEffect(): Effect.Effect<A, E | BreakerError, R> {
    return this.#calls.begin(this.#call)
  }
}

type End = (exit: Exit.Exit<unknown, unknown>) => undefined

/** What to do at the end of a call that began in that generation, at that time if it matters. */
const endOf = (machine: Machine, generation: number, started: number): End => {
  const { classify } = machine.group.plan
  return (exit) => {
    if (classify === undefined && Exit.isSuccess(exit)) return machine.succeeded(generation, started)
    const verdict = judge(classify, exit)
    if (verdict === undefined) machine.group.tally.ignored++
    else machine.settle(generation, verdict, started)
    return undefined
  }
}

const bad: Verdict = { bad: true, hint: 0 }

/** What a call says about what is called; that it was interrupted says nothing. */
export const judge = (classify: Plan["classify"], exit: Exit.Exit<unknown, unknown>): Verdict | undefined => {
  if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) return undefined
  if (classify === undefined) return Exit.isSuccess(exit) ? good : bad
  const outcome = classify(exit)
  if (typeof outcome === "object")
    return { bad: true, hint: Duration.toMillis(Duration.fromInputUnsafe(outcome.retryAfter)) }
  return outcome === "Ignored" ? undefined : outcome === "Success" ? good : bad
}
