/**
 * Everybody a proxy has let in: how many, how sessions are listed, and how they end when the proxy closes.
 */
import * as Link from "@holdfast/core/Link"
import * as Telemetry from "@holdfast/core/Telemetry"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Direction from "./direction.ts"
import type { Session } from "./passThrough.ts"
import * as Reports from "./reports.ts"

export interface Registry {
  readonly up: Direction.Traffic
  readonly down: Direction.Traffic
  /** Clients let in: waiting for their answer, in a session, or with a plain request. */
  readonly admitted: () => number
  /** Counts a client until the effect ends, or until its session does if it got one. */
  readonly admit: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly joined: (session: Session) => void
  readonly left: (session: Ending) => void
  /** Counts the effect, which may finish while the proxy drains, and is cut after that. */
  readonly visit: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** What drains: told to end, then cut. */
type Ending = Pick<Session, "shutdown" | "cut">

/** An empty registry; closing the scope drains it. */
export const make = Effect.fnUntraced(function* (options: {
  readonly name: string
  readonly drainTimeout: Duration.Input
}): Effect.fn.Return<Registry, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const open = new Map<Ending, () => void>()
  const report = Reports.make(context, options.name)
  const [up, down] = [Direction.noTraffic(), Direction.noTraffic()]
  let waiting = 0
  let draining = false
  let emptied = () => {}

  const registry: Registry = {
    up,
    down,
    admitted: () => waiting + open.size,
    admit: (self) =>
      Effect.suspend(() => {
        waiting++
        return Effect.ensuring(
          self,
          Effect.sync(() => waiting--),
        )
      }),
    joined: (session) => {
      open.set(session, Context.get(context, Telemetry.Telemetry).add({ row: session.row }))
    },
    left: (session) => {
      open.get(session)?.()
      open.delete(session)
      if (open.size === 0) emptied()
    },
    visit: (self) =>
      Effect.withFiber((fiber) => {
        const visitor: Ending = { shutdown: Effect.void, cut: () => fiber.interruptUnsafe() }
        open.set(visitor, () => {})
        return Effect.ensuring(
          self,
          Effect.sync(() => registry.left(visitor)),
        )
      }),
  }

  yield* Link.announce({ program: Reports.program, target: options.name })
  yield* Telemetry.register({
    row: () => ({ _tag: "Check", name: "proxy", ok: !draining, why: draining ? "draining" : "" }),
    measures: Reports.measures(options.name, up, down),
  })
  yield* Effect.addFinalizer(() => {
    draining = true
    return drain
  })

  const drain = Effect.suspend(() => {
    const total = open.size
    report.draining(total)
    const everyone = Effect.callback<void>((resume) => {
      emptied = () => resume(Effect.void)
      if (open.size === 0) emptied()
    })
    return Effect.gen(function* () {
      const timeout = Duration.fromInputUnsafe(options.drainTimeout)
      yield* Effect.forkScoped(sayGoodbye([...open.keys()], Duration.times(timeout, 0.5)))
      const inTime = Option.isSome(yield* Effect.timeoutOption(everyone, timeout))
      const cut = inTime ? 0 : open.size
      for (const session of open.keys()) session.cut()
      if (!inTime) yield* Effect.timeoutOption(everyone, "1 second")
      report.drained(total - cut, cut)
    }).pipe(Effect.scoped, Effect.interruptible) // finalizers are not, and the timeouts in here must be
  })

  return registry
})

/** Not all in one moment, so that they do not all come back in one. */
const sayGoodbye = Effect.fnUntraced(function* (sessions: ReadonlyArray<Ending>, over: Duration.Duration) {
  const steps = Math.min(sessions.length, 100)
  const scope = yield* Effect.scope
  for (let step = 0; step < steps; step++) {
    const from = Math.floor((step * sessions.length) / steps)
    const to = Math.floor(((step + 1) * sessions.length) / steps)
    for (const session of sessions.slice(from, to)) yield* Effect.forkIn(session.shutdown, scope)
    if (step < steps - 1) yield* Effect.sleep(Duration.times(over, 1 / steps))
  }
})
