/**
 * One breaker as its users see it.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Breaker, Options } from "../Breaker.ts"
import type * as Telemetry from "../Telemetry.ts"
import { Calls, Through } from "./breakerCalls.ts"
import { Group } from "./breakerGroup.ts"
import { Machine } from "./breakerMachine.ts"
import * as Plan from "./breakerPlan.ts"

/** What to do with calls, and after what somebody did to the breaker. */
export interface Ways {
  readonly protect: Breaker["protect"]
  readonly after: Effect.Effect<void>
}

/** The only breaker of its group. Throws for options that cannot work. */
export const alone = (options: Omit<Options, "store">, context: Context.Context<never>): Machine => {
  const { name, program = "app", restore } = options
  const group = new Group(
    { name, program, plan: Plan.make(options, context), remembered: 64, nameOf: () => name },
    context,
  )
  const machine = new Machine(name, group)
  if (restore !== undefined) machine.restore(restore)
  return machine
}

/** Puts it into lists and metrics; the answer takes it out. */
export const publish = (machine: Machine, context: Context.Context<never>, actions: Telemetry.Probe["actions"]) => {
  machine.group.publish(context, ratiosOf(machine), actions)
  return () => {
    machine.leave()
    machine.group.leave()
  }
}

/** A breaker; its functions may be handed on without it. `now` is asked each time: a map may have made another one for the key. */
export const face = (now: () => Machine, { after, protect }: Ways): Breaker => {
  const doing = (what: (machine: Machine) => void) =>
    Effect.andThen(
      Effect.sync(() => what(now())),
      after,
    )
  return {
    name: now().name,
    protect,
    state: () => now().state,
    subscribe: Effect.suspend(() => now().subscribe()),
    history: () => now().history(),
    isolate: (why) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => now().hold(why)),
          (release) => Effect.sync(release),
        ),
      ),
    forceOpen: (why) => doing((machine) => machine.forceOpen(why)),
    probe: doing((machine) => machine.probe()),
    reset: doing((machine) => machine.reset()),
    snapshot: () => now().snapshot(),
  }
}

/** Calls go straight to the machine. */
export const direct = (machine: Machine): Ways => {
  const calls = new Calls(machine)
  return { protect: (call) => new Through(calls, call), after: Effect.void }
}

// For operators, who come and go: their hold is one, and lasts until somebody releases it.
export const actionsOf = (machine: Machine, { probe, reset }: Breaker): Telemetry.Probe["actions"] => {
  let release: (() => void) | undefined
  return {
    isolate: Effect.sync(() => {
      release ??= machine.hold("by an operator")
    }),
    release: Effect.sync(() => {
      release?.()
      release = undefined
    }),
    probe,
    reset,
  }
}

/** What its windows see; a breaker without windows has no such series. */
const ratiosOf = (machine: Machine) => {
  const seen = (slow: boolean) =>
    machine.memories.filter((_, index) => {
      const { _tag } = machine.group.plan.rules[index]!
      return _tag !== "Consecutive" && (_tag === "SlowCalls") === slow
    })
  const worst = (memories: ReturnType<typeof seen>) => () =>
    Math.max(...memories.map((memory) => memory.ratio(machine.group.now())))
  return (
    [
      ["holdfast_breaker_failure_ratio", seen(false)],
      ["holdfast_breaker_slow_ratio", seen(true)],
    ] as const
  ).flatMap(([name, memories]) => (memories.length === 0 ? [] : [[name, worst(memories)] as const]))
}
