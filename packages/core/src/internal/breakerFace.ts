/**
 * One breaker as its users see it.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Breaker, Options } from "../Breaker.ts"
import * as Telemetry from "../Telemetry.ts"
import { type Calls, Through } from "./breakerCalls.ts"
import { Group } from "./breakerGroup.ts"
import { Machine } from "./breakerMachine.ts"
import * as Plan from "./breakerPlan.ts"

/** The only breaker of its group, in lists and metrics until it leaves. Throws for options that cannot work. */
export const alone = (options: Omit<Options, "store">, context: Context.Context<never>) => {
  const { name, program = "app", restore } = options
  const group = new Group({ name, program, plan: Plan.make(options, context), remembered: 64 }, context)
  const machine = new Machine(name, group)
  if (restore !== undefined) machine.restore(restore)
  group.publish(context, ratiosOf(machine), actionsOf(machine))
  return machine
}

/** A breaker; its functions may be handed on without it. */
export const face = (machine: Machine, calls: Calls): Breaker => ({
  name: machine.name,
  protect: (call) => new Through(calls, call),
  state: () => machine.state,
  subscribe: machine.subscribe(),
  history: () => machine.history(),
  isolate: (why) =>
    Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => machine.hold(why)),
        (release) => Effect.sync(release),
      ),
    ),
  forceOpen: (why) => Effect.sync(() => machine.forceOpen(why)),
  probe: Effect.sync(() => machine.probe()),
  reset: Effect.sync(() => machine.reset()),
  snapshot: () => machine.snapshot(),
})

// For operators, who come and go: their hold is one, and lasts until somebody releases it.
const actionsOf = (machine: Machine): Telemetry.Probe["actions"] => {
  let release: (() => void) | undefined
  return {
    isolate: Effect.sync(() => {
      release ??= machine.hold("by an operator")
    }),
    release: Effect.sync(() => {
      release?.()
      release = undefined
    }),
    probe: Effect.sync(() => machine.probe()),
    reset: Effect.sync(() => machine.reset()),
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
