/**
 * `Policy` for code that is not Effect yet: what is asked for, composed in the documented order. For a breaker alone `BreakerPromise`
 * is cheaper. Outside the barrel.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Backoff from "./Backoff.ts"
import * as Breaker from "./Breaker.ts"
import * as Bulkhead from "./Bulkhead.ts"
import * as Hedge from "./Hedge.ts"
import * as Policy from "./Policy.ts"
import * as RetryBudget from "./RetryBudget.ts"

/** Several protections around calls. Plain, and may be handed on without it. */
export interface PolicyPromise {
  /**
   * Makes the call if allowed, else rejects with what refused it. The `signal` aborts when the answer is not wanted any more: when a
   * timeout is over, when a hedge lost or is closed, or when the signal given here aborts.
   */
  readonly protect: <A>(call: (signal: AbortSignal) => PromiseLike<A>, signal?: AbortSignal) => Promise<A>
  /** The breaker, if there is one. */
  readonly breaker: Breaker.Breaker | undefined
  /** Takes all of it out of lists and metrics, and aborts hedged calls. */
  readonly close: () => Promise<void>
}

/** What to put around calls; what is left out is not there. */
export interface Options {
  /** The name of all of them. */
  readonly name: string
  /** Whose they are, in events and lists. Default `"app"`. */
  readonly program?: string | undefined
  /** At most so many at a time. */
  readonly bulkhead?: Omit<Bulkhead.Options, "name" | "program"> | undefined
  /** A second copy when slow. It shares the budget of `retry`. */
  readonly hedge?: Omit<Hedge.Options, "name" | "budget"> | undefined
  /** Again, within the budget. Default of `schedule`: `Backoff.full()`, three times. */
  readonly retry?:
    | (Omit<RetryBudget.Options, "name" | "program"> & { readonly schedule?: Schedule.Schedule<unknown> | undefined })
    | undefined
  /** Not while it fails. */
  readonly breaker?: Omit<Breaker.Options, "name" | "program"> | undefined
  /** For each attempt. */
  readonly timeout?: Duration.Input | undefined
}

/** A policy; throws for impossible options. With the context of an Effect program it uses its clock, hub, lists and metrics. */
export const make = (options: Options, context: Context.Context<never> = Context.empty()): PolicyPromise => {
  const scope = Scope.makeUnsafe()
  const built = Effect.runSyncExitWith(context)(Effect.provideService(build(options), Scope.Scope, scope))
  const close = () => Effect.runPromiseWith(context)(Scope.close(scope, Exit.void))
  if (Exit.isFailure(built)) {
    void close()
    throw Cause.squash(built.cause)
  }
  const { breaker, policy } = built.value
  const run = Effect.runPromiseExitWith(context)
  return {
    protect: async (call, signal) => {
      signal?.throwIfAborted()
      const attempt = Effect.tryPromise({ try: (signal) => Promise.resolve(call(signal)), catch: (error) => error })
      const exit = await run(policy.protect(attempt), { signal })
      if (Exit.isSuccess(exit)) return exit.value
      throw signal?.aborted === true && Exit.hasInterrupts(exit) ? signal.reason : Cause.squash(exit.cause)
    },
    breaker,
    close,
  }
}

const build = Effect.fnUntraced(function* ({ bulkhead, hedge, name, program, retry, timeout, ...options }: Options) {
  const of = { name, program }
  const policies: Array<Policy.Policy<unknown>> = []
  if (bulkhead !== undefined) policies.push(Policy.bulkhead(yield* Bulkhead.make({ ...bulkhead, ...of })))
  const { schedule = Schedule.upTo(Backoff.full(), { times: 3 }), ...most } = retry ?? {}
  if (!Schedule.isSchedule(schedule)) throw new RangeError(`retry.schedule must be a Schedule, got ${String(schedule)}`)
  const budget = retry === undefined && hedge === undefined ? undefined : yield* RetryBudget.make({ ...most, ...of })
  if (hedge !== undefined) policies.push(Policy.hedge(yield* Hedge.make({ ...hedge, name, budget })))
  if (retry !== undefined) policies.push(Policy.retry(budget!, schedule))
  const breaker = options.breaker === undefined ? undefined : yield* Breaker.make({ ...options.breaker, ...of })
  if (breaker !== undefined) policies.push(Policy.breaker(breaker))
  if (timeout !== undefined) policies.push(Policy.timeout(timeout))
  return { breaker, policy: Policy.compose(...policies) }
})
