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
import * as Reports from "./reports.ts"
import type { Session } from "./session.ts"

export interface Registry {
  readonly sessions: () => Iterable<Session>
  /** Clients let in: waiting for their answer, in a session or awaited by one, or with a plain request. */
  readonly admitted: () => number
  /** Counts a client until the effect ends, or until its session does if it got one. */
  readonly admit: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly joined: (session: Session) => void
  readonly left: (session: Session) => void
  /** Nobody new is let in any more. */
  readonly draining: () => boolean
  /** Clients that are connected to a session. */
  readonly clients: () => number
  /** Clients came or went. */
  readonly resized: (change: 1 | -1, clients: number) => void
  /** Counts the effect, which may finish while the proxy drains, and is cut after that. */
  readonly visit: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** What drains: told to end, then cut. */
interface Ending {
  readonly shutdown: () => void
  readonly cut: () => void
}

/** An empty registry; closing the scope drains it. */
export const make = Effect.fnUntraced(function* (options: {
  readonly name: string
  readonly drainTimeout: Duration.Input
  readonly measures: ReadonlyArray<Telemetry.Measure>
}): Effect.fn.Return<Registry, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const telemetry = Context.get(context, Telemetry.Telemetry)
  const sessions = new Map<Session, () => void>()
  const visitors = new Set<Ending>()
  const report = Reports.make(context, options.name)
  let [waiting, clients, attended] = [0, 0, 0]
  let draining = false
  let emptied = () => {}
  const open = () => sessions.size + visitors.size
  const gone = () => {
    if (open() === 0) emptied()
  }

  const registry: Registry = {
    sessions: () => sessions.keys(),
    // Sessions without a client count, and so do clients that share one.
    admitted: () => waiting + visitors.size + sessions.size - attended + clients,
    draining: () => draining,
    clients: () => clients,
    resized: (change, left) => {
      clients += change
      if (change === 1 ? left === 1 : left === 0) attended += change
    },
    admit: (self) =>
      Effect.suspend(() => {
        waiting++
        return Effect.ensuring(
          self,
          Effect.sync(() => waiting--),
        )
      }),
    joined: (session) => void sessions.set(session, telemetry.add(new Listed(session))),
    left: (session) => {
      sessions.get(session)?.()
      sessions.delete(session)
      gone()
    },
    visit: (self) =>
      Effect.withFiber((fiber) => {
        const visitor: Ending = { shutdown: () => {}, cut: () => fiber.interruptUnsafe() }
        visitors.add(visitor)
        return Effect.ensuring(
          self,
          Effect.sync(() => {
            visitors.delete(visitor)
            gone()
          }),
        )
      }),
  }

  yield* Link.announce({ program: Reports.program, target: options.name })
  yield* Telemetry.register({
    row: () => ({ _tag: "Check", name: "proxy", ok: !draining, why: draining ? "draining" : "" }),
    measures: options.measures,
  })
  yield* Effect.addFinalizer(() => {
    draining = true
    return drain
  })

  const drain = Effect.suspend(() => {
    const total = open()
    report.draining(total)
    const everyone = Effect.callback<void>((resume) => {
      emptied = () => resume(Effect.void)
      gone()
    })
    return Effect.gen(function* () {
      const timeout = Duration.fromInputUnsafe(options.drainTimeout)
      // Who is away cannot come back: there is nobody to spread.
      for (const session of sessions.keys()) if (session.clients === 0) session.shutdown()
      yield* Effect.forkScoped(sayGoodbye([...sessions.keys()], Duration.times(timeout, 0.5)))
      const inTime = Option.isSome(yield* Effect.timeoutOption(everyone, timeout))
      const cut = inTime ? 0 : open()
      for (const each of [...sessions.keys(), ...visitors]) each.cut()
      if (!inTime) yield* Effect.timeoutOption(everyone, "1 second")
      report.drained(total - cut, cut)
    }).pipe(Effect.scoped, Effect.interruptible) // finalizers are not, and the timeouts in here must be
  })

  return registry
})

/** A session in lists. */
class Listed implements Telemetry.Probe {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  row(): Telemetry.Row {
    const session = this.#session
    return {
      _tag: "Session",
      id: session.label,
      state: session.state,
      clientConnected: session.clients > 0,
      upstreamState: session.link?.state() ?? "Idle",
      bufferedMessages: session.heldMessages,
      bufferedBytes: session.bytes,
      resumes: session.resumes,
    }
  }

  detail() {
    return { receipts: this.#session.receipts }
  }
}

/** Not all in one moment, so that they do not all come back in one. */
const sayGoodbye = Effect.fnUntraced(function* (sessions: ReadonlyArray<Ending>, over: Duration.Duration) {
  const steps = Math.min(sessions.length, 100)
  for (let step = 0; step < steps; step++) {
    const from = Math.floor((step * sessions.length) / steps)
    const to = Math.floor(((step + 1) * sessions.length) / steps)
    for (const session of sessions.slice(from, to)) session.shutdown()
    if (step < steps - 1) yield* Effect.sleep(Duration.times(over, 1 / steps))
  }
})
