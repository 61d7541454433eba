/**
 * The options of a breaker, checked and in the form its machine reads them.
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Backoff from "../Backoff.ts"
import type { Options, Outcome } from "../Breaker.ts"
import type * as Rule from "./breakerRule.ts"
import { check } from "./breakerRule.ts"
import * as Checked from "./checked.ts"

/** How breakers of one kind behave. */
export interface Plan {
  readonly rules: ReadonlyArray<Rule.Rule>
  /** Whether all rules count failures in a row. */
  readonly streaks: boolean
  /** Whether any rule needs the time of a call's end; of its start. */
  readonly timed: boolean
  readonly measured: boolean
  /** The longest time that is not slow; without such a rule none is. */
  readonly slowerThan: number
  readonly probes: number
  /** So many of them must succeed. */
  readonly enough: number
  readonly waits: boolean
  readonly maxWaiting: number
  readonly probeTimeout: number
  readonly classify: ((exit: Exit.Exit<unknown, unknown>) => Outcome) | undefined
  /** How long the n-th opening in a row lasts, in milliseconds. */
  readonly openFor: (opening: number) => number
}

/** Throws for options that cannot work, and names them. */
export const make = (options: Omit<Options, "name">, context: Context.Context<never>): Plan => {
  const { maxWaiting = 1000, onFull = "reject", probes = 1, probeTimeout = "10 seconds", successRatio = 1 } = options
  const rules = Checked.list("rules", options.rules ?? [{ _tag: "Consecutive", failures: 5 }]).map(check)
  if (options.classify !== undefined && typeof options.classify !== "function")
    throw new RangeError(`classify must be a function, got ${String(options.classify)}`)
  if (onFull !== "reject" && onFull !== "wait") throw new RangeError(`onFull must be "reject" or "wait", got ${onFull}`)
  const slow = rules.flatMap((rule) => (rule._tag === "SlowCalls" ? [rule.slowerThan] : []))
  return {
    rules,
    streaks: rules.every(({ _tag }) => _tag === "Consecutive"),
    timed: rules.some(({ _tag }) => _tag === "TimeWindow" || _tag === "SlowCalls"),
    measured: slow.length > 0,
    slowerThan: Math.min(...slow, Infinity),
    probes: Checked.within("probes", Checked.whole("probes", probes, 1), 1, 1000),
    enough: Math.ceil(Checked.share("successRatio", successRatio) * probes),
    waits: onFull === "wait",
    maxWaiting: Checked.whole("maxWaiting", maxWaiting, 0),
    probeTimeout: Checked.time("probeTimeout", probeTimeout),
    classify: options.classify,
    openFor: delays(options.openFor ?? Backoff.grpc({ baseDelay: "1 second", maxDelay: "30 seconds" }), context),
  }
}

// Beyond it a schedule that still grows is not asked any more: every opening asks it from the start, so that breakers keep no step.
const mostOpenings = 100

const delays = (
  openFor: Schedule.Schedule<unknown> | Duration.Input,
  context: Context.Context<never>,
): ((opening: number) => number) => {
  if (!Schedule.isSchedule(openFor)) {
    const millis = Checked.time("openFor", openFor)
    return () => Math.ceil(millis)
  }
  const run = Effect.runSyncExitWith(context)
  const delay = (opening: number) => {
    const start = run(Schedule.toStep(openFor))
    if (Exit.isFailure(start)) return 0
    let [now, delay] = [0, 0]
    for (let attempt = 1; attempt <= Math.min(opening, mostOpenings); attempt++) {
      const next = run(start.value(now, attempt))
      // One that has ended goes on with its last delay.
      if (Exit.isFailure(next)) break
      delay = Duration.toMillis(next.value[1])
      now += delay
    }
    return Number.isFinite(delay) ? Math.ceil(delay) : Number.MAX_SAFE_INTEGER
  }
  if (delay(1) === 0) throw new RangeError("openFor must be a schedule that waits, got one whose first delay is 0")
  return delay
}
