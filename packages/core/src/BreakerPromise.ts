/**
 * `Breaker` for code that is not Effect yet: same states, same rules, no fiber while it is closed. Outside the barrel.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Breaker from "./Breaker.ts"
import { judge } from "./internal/breakerCalls.ts"
import { actionsOf, alone, direct, face, publish } from "./internal/breakerFace.ts"
import type { Machine, Refusal, Ticket } from "./internal/breakerMachine.ts"

/** A breaker around one dependency. Everything is plain, and may be handed on without it. */
export interface BreakerPromise {
  /** The name in events, metrics and messages. */
  readonly name: string
  /**
   * Makes the call if allowed, else rejects with `BreakerError`. Only a probe gets a `signal`, which aborts when it takes too long.
   * A call that ends with an `AbortError` counts for nothing.
   */
  readonly protect: <A>(call: (signal: AbortSignal | undefined) => PromiseLike<A>) => Promise<A>
  /** The state now. */
  readonly state: () => Breaker.State
  /** Called at each change; the answer stops it. */
  readonly onChange: (listener: (change: Breaker.Change) => void) => () => void
  /** The last 64 changes, oldest first. */
  readonly history: () => ReadonlyArray<Breaker.Change>
  /** Holds it open until the answer is called; holds are counted. */
  readonly isolate: (why: string) => () => void
  /** Opens it now, as if a rule had said so. */
  readonly forceOpen: (why: string) => void
  /** Ends an opening, as if its time were over. Never closes by itself. */
  readonly probe: () => void
  /** Closes and forgets. */
  readonly reset: () => void
  /** What it knows, for `restore`. */
  readonly snapshot: () => Breaker.Snapshot
  /** Takes it out of lists and metrics. */
  readonly close: () => void
}

/** As for `Breaker`. */
export type Options = Omit<Breaker.Options, "store" | "refresh">

/** A breaker; throws for impossible options. With the context of an Effect program it uses its clock, hub, lists and metrics. */
export const make = (options: Options, context: Context.Context<never> = Context.empty()): BreakerPromise => {
  const machine = alone(options, context)
  const breaker = face(() => machine, direct(machine))
  const close = publish(machine, context, actionsOf(machine, breaker))
  const listeners = new Set<(change: Breaker.Change) => void>()
  const tell = (change: Breaker.Change) => {
    for (const listener of listeners) {
      try {
        listener(change)
      } catch (bug) {
        Effect.runForkWith(context)(Effect.logError(`a listener of the breaker ${options.name} threw`, bug))
      }
    }
  }
  // A listener may change it again: all hear of the first change before any hears of the next.
  const untold: Array<Breaker.Change> = []
  machine.group.onChange = (change) => {
    if (untold.push(change) > 1) return
    for (; untold.length > 0; untold.shift()) tell(untold[0]!)
  }
  const calls = new Calls(machine, context)
  return {
    name: options.name,
    protect: (call) => calls.begin(call),
    state: () => machine.state,
    onChange: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    history: () => machine.history(),
    isolate: (why) => machine.hold(why),
    forceOpen: (why) => machine.forceOpen(why),
    probe: () => machine.probe(),
    reset: () => machine.reset(),
    snapshot: () => machine.snapshot(),
    close,
  }
}

type Call<A> = (signal: AbortSignal | undefined) => PromiseLike<A>

/** As the calls of an Effect breaker: those of one generation share what is done at their end. */
class Calls {
  readonly #machine: Machine
  readonly #context: Context.Context<never>
  #generation = -1
  #ends: Ends | undefined

  constructor(machine: Machine, context: Context.Context<never>) {
    this.#machine = machine
    this.#context = context
  }

  begin<A>(call: Call<A>): Promise<A> {
    return this.#generation === this.#machine.generation ? watched(call, this.#ends!) : this.#look(call)
  }

  #look<A>(call: Call<A>): Promise<A> {
    const machine = this.#machine
    if (machine.isClosed) {
      const { generation, group } = machine
      if (group.plan.measured) return watched(call, endsOf(machine, generation, group.now()))
      this.#ends = endsOf(machine, generation, 0)
      this.#generation = generation
      return watched(call, this.#ends)
    }
    const refused = machine.refuse()
    if (refused !== undefined) return rejected(refused)
    const ticket = machine.take()
    return ticket === undefined ? this.#wait(call) : this.#probe(call, ticket)
  }

  #probe<A>(call: Call<A>, ticket: Ticket): Promise<A> {
    const machine = this.#machine
    const { classify, probeTimeout } = machine.group.plan
    const controller = new AbortController()
    const abort = Effect.sync(() => controller.abort())
    const timer = Effect.runForkWith(this.#context)(Effect.delay(abort, probeTimeout))
    const ends: Ends = {
      onSuccess: (value) => {
        machine.decide(ticket, () => judge(classify, Exit.succeed(value)))
        return value
      },
      onFailure: (error) => {
        machine.decide(ticket, () => verdictOf(classify, error))
        throw error
      },
    }
    return watched(call, ends, controller.signal).finally(() => timer.interruptUnsafe())
  }

  async #wait<A>(call: Call<A>): Promise<A> {
    const { atMost, decided } = this.#machine.waiting()
    await Effect.runPromiseWith(this.#context)(Effect.timeoutOption(decided, atMost))
    this.#machine.waited()
    return this.begin(call)
  }
}

// One rejected promise for all who get this error, and a fresh one behind it for each: a promise that is born rejected costs several
// times as much, because the platform first takes it for one that nobody will look at.
const rejected = (refused: Refusal): Promise<never> => {
  if (refused.promise === undefined) {
    refused.promise = Promise.reject(refused.error)
    refused.promise.catch(() => {})
  }
  return refused.promise.then()
}

interface Ends {
  readonly onSuccess: <A>(value: A) => A
  readonly onFailure: (error: unknown) => never
}

const watched = <A>(call: Call<A>, ends: Ends, signal?: AbortSignal): Promise<A> => {
  try {
    const answer = call(signal)
    return (answer instanceof Promise ? answer : Promise.resolve(answer)).then(ends.onSuccess<A>, ends.onFailure)
  } catch (error) {
    return new Promise((resolve) => resolve(ends.onFailure(error)))
  }
}

const endsOf = (machine: Machine, generation: number, started: number): Ends => {
  const { classify } = machine.group.plan
  const settle = (verdict: ReturnType<typeof judge>) => {
    if (verdict === undefined) machine.group.tally.ignored++
    else machine.settle(generation, verdict, started)
  }
  return {
    onSuccess: <A>(value: A): A => {
      if (classify === undefined) machine.succeeded(generation, started)
      else settle(judge(classify, Exit.succeed(value)))
      return value
    },
    onFailure: (error: unknown): never => {
      settle(verdictOf(classify, error))
      throw error
    },
  }
}

// What interruption is to Effects. A signal of one's own that aborts says nothing about what is called.
const verdictOf = (classify: Parameters<typeof judge>[0], error: unknown) =>
  error instanceof Error && error.name === "AbortError" ? undefined : judge(classify, Exit.fail(error))
