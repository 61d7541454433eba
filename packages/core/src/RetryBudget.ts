/**
 * Keeps retries a small share of the traffic, so that an outage is not answered with a storm. How long to wait between them is for a
 * `Schedule` to say.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Events from "./Events.ts"
import * as Checked from "./internal/checked.ts"
import { CountedBy } from "./internal/countedBy.ts"
import * as Monotonic from "./internal/monotonic.ts"
import * as Numbers from "./internal/numbers.ts"
import { Recent } from "./internal/recent.ts"
import * as RetryMetrics from "./internal/retryMetrics.ts"
import { retryAfterOf } from "./internal/retryAfter.ts"
import { seldom } from "./internal/seldom.ts"

/** A budget shared by everything that retries or hedges towards one target. */
export interface RetryBudget {
  /**
   * Retries `call` while the schedule and the budget both allow; otherwise fails with the call's own last error. An error with a
   * `retryAfter`, its own or its reason's, is not retried sooner. Inside a hedge of this budget it is one call with the others.
   */
  readonly retry: <A, E, R, O, E2, R2>(
    call: Effect.Effect<A, E, R>,
    schedule: Schedule.Schedule<O, E, E2, R2>,
  ) => Effect.Effect<A, E | E2, R | R2>
  /** Counts one call, for callers with a loop of their own. Plain. */
  readonly count: () => void
  /** Takes one retry out, if there is one. Plain. */
  readonly take: (kind?: "retry" | "hedge") => boolean
  /** Whole retries that are left now. Plain. */
  readonly left: () => number
}

/** How much. */
export interface Options {
  /** The name in events and metrics. */
  readonly name: string
  /** Whose it is, in events. Default `"app"`. */
  readonly program?: string | undefined
  /** Retries per call. Default `0.2`. */
  readonly ratio?: number | undefined
  /** Retries per second that are always allowed, saved up for the length of the window. Default `3`. */
  readonly min?: number | undefined
  /** Calls and retries older than this do not count. Default `"10 seconds"`. */
  readonly window?: Duration.Input | undefined
}

/** A budget; its metrics go when the scope closes. Impossible options are a defect that names the field. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<RetryBudget, never, Scope.Scope> {
  const { min = 3, name, program = "app", ratio = 0.2 } = options
  Checked.name("name", name)
  const window = Checked.time("window", options.window ?? "10 seconds")
  Checked.within("ratio", ratio, 0, 1000)
  const saved = (Checked.within("min", min, 0, 1_000_000) * window) / 1000
  if (ratio === 0 && saved < 1)
    throw new RangeError("ratio and min allow no retry at all; leave the retries away instead")
  const [clock, events] = [yield* Clock.Clock, yield* Events.Events]
  const numbers = yield* Numbers.make({ op: name })
  const measured = yield* RetryMetrics.make(name)
  const now = () => Monotonic.millis(clock)
  const once = { retry: seldom(now), hedge: seldom(now) }
  // Calls, and what was taken.
  const recent = new Recent(window)

  const left = () => {
    recent.look(now())
    // A little more, because 29 hundredths of a hundred are not quite 29 to a computer.
    return Math.floor(ratio * recent.first + saved - recent.second + 1e-9)
  }
  const take = (kind: "retry" | "hedge" = "retry") => {
    if (left() >= 1) {
      recent.add(now(), 0, 1)
      return true
    }
    numbers.count("holdfast_budget_exhausted_total", kind, { kind })
    once[kind](() => {
      const event: Events.Known = {
        _tag: "Exhausted",
        at: clock.currentTimeMillisUnsafe(),
        program,
        target: name,
        kind,
      }
      events.emit(event)
    })
    return false
  }
  const count = () => recent.add(now(), 1, 0)
  const self: RetryBudget = {
    count,
    take,
    left,
    retry: (call, schedule) =>
      Effect.contextWith((context: Context.Context<never>) => {
        if (Context.get(context, CountedBy) !== self) count()
        let attempts = 0
        const attempt = Effect.suspend(() => {
          attempts++
          return call
        })
        const again = (delay: Duration.Duration) => {
          if (!take()) return false
          measured.delay(Duration.toMillis(delay))
          return true
        }
        return Effect.onExitPrimitive(Effect.retry(attempt, within(schedule, again)), () => measured.attempts(attempts))
      }),
  }
  return self
})

// Asked last: what the schedule does not want is not taken out.
const within = <O, E, E2, R2>(
  schedule: Schedule.Schedule<O, E, E2, R2>,
  again: (delay: Duration.Duration) => boolean,
) =>
  schedule.pipe(
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.succeed(Duration.max(duration, Duration.millis(retryAfterOf(input)))),
    ),
    Schedule.while(({ duration }) => again(duration)),
  )
