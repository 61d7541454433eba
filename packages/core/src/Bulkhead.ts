/**
 * Lets so many calls run and so many wait, and refuses the rest at once: one slow dependency must not take all there is.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Events from "./Events.ts"
import { BulkheadFull } from "./internal/bulkheadFull.ts"
import * as Checked from "./internal/checked.ts"
import * as Monotonic from "./internal/monotonic.ts"
import * as Numbers from "./internal/numbers.ts"
import { Places } from "./internal/places.ts"
import { seldom } from "./internal/seldom.ts"

export { BulkheadFull } from "./internal/bulkheadFull.ts"

/** A limit around one dependency. */
export interface Bulkhead {
  /** Runs the call when there is room; in order of arrival. */
  readonly protect: <A, E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BulkheadFull, R>
  /** Calls at work and in the queue. Plain. */
  readonly load: () => { readonly running: number; readonly waiting: number }
}

/** How many. */
export interface Options {
  /** The name in events, metrics and messages. */
  readonly name: string
  /** Whose it is, in events. Default `"app"`. */
  readonly program?: string | undefined
  /** Calls at a time. Default `25`. */
  readonly concurrent?: number | undefined
  /** Calls that may wait. Default `0`. */
  readonly queue?: number | undefined
  /** Longest wait. Default `"1 second"`. */
  readonly maxWait?: Duration.Input | undefined
}

/** A bulkhead; its metrics go when the scope closes. Impossible options are a defect that names the field. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Bulkhead, never, Scope.Scope> {
  const { concurrent = 25, name, program = "app", queue = 0 } = options
  Checked.name("name", name)
  const maxWait = Checked.time("maxWait", options.maxWait ?? "1 second")
  const places = new Places(Checked.whole("concurrent", concurrent, 1), Checked.whole("queue", queue, 0))
  const [clock, events] = [yield* Clock.Clock, yield* Events.Events]
  const numbers = yield* Numbers.make({ bulkhead: name })
  numbers.gauge("holdfast_bulkhead_running", {}, () => places.running)
  numbers.gauge("holdfast_bulkhead_waiting", {}, () => places.waiting)
  let passed = 0
  numbers.counter("holdfast_bulkhead_calls_total", { outcome: "passed" }, () => passed)
  const once = seldom(() => Monotonic.millis(clock))
  const full = new BulkheadFull(name, maxWait)

  const refuse = (outcome: "refused" | "timed_out") =>
    Effect.suspend(() => {
      numbers.count("holdfast_bulkhead_calls_total", outcome, { outcome })
      once(() => {
        const { running, waiting } = places
        const event: Events.Known = {
          _tag: "Full",
          at: clock.currentTimeMillisUnsafe(),
          program,
          target: name,
          running,
          waiting,
        }
        events.emit(event)
      })
      return Effect.fail(full)
    })

  return {
    load: () => ({ running: places.running, waiting: places.waiting }),
    // The place is taken inside of what gives it back, so that an interruption in between cannot lose it.
    protect: <A, E, R>(call: Effect.Effect<A, E, R>) =>
      Effect.suspend(() => {
        const place = places.outside()
        const answer = (otherwise: "refused" | "timed_out") =>
          Effect.suspend((): Effect.Effect<A, E | BulkheadFull, R> => {
            if (!place.isGiven) return refuse(otherwise)
            passed++
            return call
          })
        const inside = Effect.suspend(() => {
          if (!place.enter() || place.isGiven) return answer("refused")
          return Effect.andThen(Effect.timeoutOption(place.given, maxWait), answer("timed_out"))
        })
        return Effect.onExitPrimitive(inside, () => void place.leave())
      }),
  }
})
