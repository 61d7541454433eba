/**
 * Asks a peer how it is, on a schedule, and remembers the last answer and its age. A check that hangs or dies counts as an answer.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Connectivity from "./Connectivity.ts"
import * as Events from "./Events.ts"
import { Broadcast } from "./internal/broadcast.ts"
import * as Classify from "./internal/classify.ts"
import * as HealthMetrics from "./internal/healthMetrics.ts"
import * as Telemetry from "./Telemetry.ts"

/** In the words of grpc.health.v1. */
export type Status = "Unknown" | "Serving" | "NotServing"

/** The last thing a peer said about itself, when, and why not. */
export interface Verdict {
  readonly status: Status
  /** When it was said, in milliseconds of the `Clock`. */
  readonly at: number
  readonly cause?: Cause.Cause<unknown> | undefined
}

/** A verdict that polling keeps fresh. */
export interface Health {
  /** The verdict now. Plain. */
  readonly verdict: () => Verdict
  /** The verdict now, then each change of status, kept for this reader until its scope closes: 64 at most, then `Lagged`. */
  readonly subscribe: Effect.Effect<Connectivity.Changes<Verdict>, never, Scope.Scope>
}

/** How to ask. */
export interface Options<E, R> {
  /** The name on the readiness page, in events and in metrics. Default: it is in none of them. */
  readonly name?: string | undefined
  /** Whose check it is, in events. Default `"app"`. */
  readonly program?: string | undefined
  /** Succeeds when the peer serves. */
  readonly check: Effect.Effect<unknown, E, R>
  /** Longest one check may take. Default `"5 seconds"`. */
  readonly timeout?: Duration.Input | undefined
  /** When to ask again. Default every `"10 seconds"`, jittered by a fifth; when it ends, it starts over. */
  readonly schedule?: Schedule.Schedule<unknown> | undefined
  /** Answers in a row before the verdict turns good. Default `1`. */
  readonly rise?: number | undefined
  /** Failures in a row before it turns bad. Default `1`. */
  readonly fall?: number | undefined
}

/** Starts polling; polling stops, and the check leaves `/readyz`, when the scope closes. */
export const make = Effect.fnUntraced(function* <E, R>(
  options: Options<E, R>,
): Effect.fn.Return<Health, never, R | Scope.Scope> {
  const { check, fall = 1, name, rise = 1, timeout = "5 seconds" } = options
  const schedule = options.schedule ?? Schedule.jittered(Schedule.spaced("10 seconds"))
  const clock = yield* Clock.Clock
  const report = yield* reporting(name, options.program ?? "app")
  const broadcast = new Broadcast<Verdict>()
  let verdict: Verdict = { status: "Unknown", at: clock.currentTimeMillisUnsafe() }
  let last: Status = "Unknown"
  let streak = 0

  const heard = (exit: Exit.Exit<unknown, unknown>) => {
    const answer = Exit.isSuccess(exit) ? "Serving" : "NotServing"
    const at = clock.currentTimeMillisUnsafe()
    const before = verdict.status
    streak = answer === last ? streak + 1 : 1
    last = answer
    const now = streak >= (answer === "Serving" ? rise : fall) ? answer : before
    // A bad verdict carries its newest cause; a good one none, also while failures are still being counted.
    const cause = Exit.isFailure(exit) && now === "NotServing" ? exit.cause : undefined
    verdict = { status: now, at, ...(cause === undefined ? {} : { cause }) }
    if (now === before) return
    broadcast.send(verdict)
    report.turned(verdict)
  }

  // A defect is an answer too: whoever asks a broken way learns nothing good.
  const ask = Effect.suspend(() => {
    const asked = clock.currentTimeMillisUnsafe()
    return Effect.map(Effect.exit(Effect.timeout(check, timeout)), (exit) => {
      report.checked(resultOf(exit), clock.currentTimeMillisUnsafe() - asked)
      heard(exit)
    })
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => broadcast.end()))
  if (name !== undefined) {
    yield* Telemetry.register({
      row: () => ({ _tag: "Check", name, ok: verdict.status === "Serving", why: whyNot(verdict) }),
    })
  }
  yield* Effect.forkScoped(Effect.forever(Effect.repeat(ask, schedule)), { startImmediately: true })
  return {
    verdict: () => verdict,
    subscribe: broadcast.subscribe(
      () => verdict,
      () => false,
    ),
  }
})

const resultOf = (exit: Exit.Exit<unknown, unknown>) => {
  if (Exit.isSuccess(exit)) return "ok"
  return Cause.isTimeoutError(Cause.squash(exit.cause)) ? "timeout" : "failed"
}

/** Nothing for a check without a name. */
const reporting = Effect.fnUntraced(function* (name: string | undefined, program: string) {
  if (name === undefined) return { checked: () => {}, turned: () => {} }
  const context = yield* Effect.context<never>()
  const metrics = yield* Effect.acquireRelease(
    Effect.sync(() => HealthMetrics.make(context, name)),
    (made) => Effect.sync(() => made.remove()),
  )
  const { emit } = yield* Events.Events
  const turned = (verdict: Verdict) => {
    const event: Events.Known = {
      _tag: "Health",
      at: verdict.at,
      program,
      target: name,
      status: verdict.status,
      why: whyNot(verdict),
    }
    emit(event)
  }
  return { checked: metrics.checked, turned }
})

const whyNot = ({ cause, status }: Verdict): string => {
  if (status === "Unknown") return "not asked yet"
  return cause === undefined ? "" : Classify.describe(cause)
}
