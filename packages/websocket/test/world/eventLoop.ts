/**
 * The event loop of every process in the virtual network: plain code that runs later, in virtual time. A fiber exists only while
 * something is due, so that a quiet network costs nothing.
 */
import { VirtualNetwork } from "@holdfast/testing"
import { Clock, Context, Effect, FiberSet, type Scope } from "effect"

export interface EventLoop {
  /** Milliseconds, whole unless somebody sleeps for fractions. */
  readonly now: () => number
  /** Runs it in a turn of its own, after so many milliseconds; 0 is the next turn, never this one. The answer takes it back. */
  readonly after: (millis: number, run: () => void) => () => void
  readonly context: Context.Context<never>
  readonly network: VirtualNetwork.VirtualNetwork["Service"]
}

/** Runs until the scope closes. A callback that throws would crash a real process; here the scope's close dies of it. */
export const make: Effect.Effect<EventLoop, never, Scope.Scope | VirtualNetwork.VirtualNetwork> = Effect.gen(
  function* () {
    const context = yield* Effect.context<never>()
    const network = yield* VirtualNetwork.VirtualNetwork
    const clock = Context.get(context, Clock.Clock)
    const crashes: Array<unknown> = []
    yield* Effect.addFinalizer(() => (crashes.length > 0 ? Effect.die(crashes[0]) : Effect.void))
    const run = yield* FiberSet.makeRuntime<never, void>()
    return {
      now: () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6,
      after: (millis, callback) => {
        const turn = Effect.andThen(Effect.sleep(millis), Effect.sync(callback))
        const fiber = run(Effect.tapDefect(turn, (defect) => Effect.sync(() => crashes.push(defect))))
        return () => fiber.interruptUnsafe()
      },
      context,
      network,
    }
  },
)
