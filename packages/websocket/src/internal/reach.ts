/**
 * Reaches the upstream for one session, over a link of its own: it waits its turn, it is dialled once, and whoever owns the session
 * says when it is over.
 */
import type * as EventSchema from "@holdfast/core/EventSchema"
import * as Link from "@holdfast/core/Link"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { type Transport, TransportError, Unreachable } from "../Transport.ts"
import * as Reports from "./reports.ts"

/** An upstream that was reached. */
export interface Upstream {
  readonly transport: Transport
  /** Its connection is over, and why. */
  readonly gone: (why: string, reason: typeof EventSchema.Reason.Type) => void
}

/** All turns were taken for too long. */
export const busy = { _tag: "Busy" } as const

/** One deadline for turn and dial together: what a client waits for is its answer. */
export const make = Effect.fnUntraced(function* (options: {
  readonly target: string
  readonly maxDials: number
  readonly timeout: Duration.Input
}) {
  const { maxDials, target } = options
  const timeout = Duration.toMillis(Duration.fromInputUnsafe(options.timeout))
  const silent = new TransportError({ reason: new Unreachable({ target, kind: "timeout", why: "no answer in time" }) })
  const clock = yield* Clock.Clock
  const turns = yield* Semaphore.make(maxDials)

  return (dial: Effect.Effect<Transport, TransportError, Scope.Scope>) =>
    Effect.suspend(() => {
      const arrived = clock.currentTimeMillisUnsafe()
      let waited: number | undefined
      const turn = Effect.suspend(() => {
        waited = clock.currentTimeMillisUnsafe() - arrived
        return connect(
          target,
          Effect.timeoutOrElse(dial, { duration: timeout - waited, orElse: () => Effect.fail(silent) }),
        )
      })
      const impatience = Effect.suspend(() => (waited === undefined ? Effect.fail(busy) : Effect.never))
      return Effect.raceFirst(turns.withPermit(turn), Effect.delay(impatience, timeout)).pipe(
        // Most of the time went into waiting for the turn: that is no word about the upstream.
        Effect.mapError((error) => (error === silent && waited! > timeout / 2 ? busy : error)),
      )
    })
})

const connect = Effect.fnUntraced(function* (
  target: string,
  dial: Effect.Effect<Transport, TransportError, Scope.Scope>,
): Effect.fn.Return<Upstream, TransportError | Link.LinkError, Scope.Scope> {
  let gone: Upstream["gone"] = () => {}
  const link = yield* Link.make({
    program: Reports.program,
    target,
    connect: dial,
    connectTimeout: Duration.infinity, // the dial has its deadline
    redial: false,
    classify: Reports.result,
    lost: (_, tell) => {
      gone = tell
    },
  })
  const transport = yield* link.get
  return { transport, gone }
})
