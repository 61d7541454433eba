/**
 * The life of a serving program: it starts, says so on stdout, serves until it is told to stop, and closes in an order in which
 * somebody can watch. What it serves is its own business.
 */
import * as Events from "@holdfast/core/Events"
import * as Telemetry from "@holdfast/core/Telemetry"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as AdminServer from "./adminServer.ts"
import type { Failure } from "./failure.ts"
import * as Logs from "./logs.ts"
import * as Process from "./process.ts"
import type { Address } from "./values.ts"
import { version } from "./version.ts"

/** A line of stdout. */
export type Listener = readonly [name: string, url: string]

/** The lines of a program with an admin listener, which comes before the last. */
export const listeners = (
  admin: AdminServer.Admin | undefined,
  ...own: ReadonlyArray<Listener>
): ReadonlyArray<Listener> =>
  admin === undefined ? own : [...own.slice(0, -1), ["admin", admin.url], ...own.slice(-1)]

/** What a program finds when it starts. */
export interface Surroundings {
  readonly admin: AdminServer.Admin | undefined
  readonly signals: Process.Signals
}

/** A program that serves. */
export interface Started {
  /** Everything that is bound, the admin listener too. */
  readonly listeners: ReadonlyArray<Listener>
  /** Ends by itself when this does. Default: never. */
  readonly until?: Effect.Effect<void> | undefined
  /** Still to be done when it has been told to stop, before anything is closed. */
  readonly finish?: Effect.Effect<void, Failure> | undefined
}

/** A program. */
export interface Program<R> {
  readonly log: Logs.Options
  /** Whether it hears SIGHUP; else that ends it. */
  readonly hangUp: boolean
  readonly admin: Omit<AdminServer.Options, "at" | "build"> & { readonly at: Address | "off" }
  /** How long it goes on serving while it says that it is not ready. */
  readonly drainDelay: Duration.Duration
  /** Starts it, in a scope that closes before the admin listener does. */
  readonly start: (around: Surroundings) => Effect.Effect<Started, Failure, R | Scope.Scope>
}

/** Runs a program to its end. */
export const run = Effect.fnUntraced(
  function* <R>(program: Program<R>) {
    const served = yield* live(program).pipe(Effect.scoped, Effect.provide(watched()))
    if (Option.isNone(served)) return
    // The last events are in the log only now, and this is its last line.
    yield* Effect.logInfo("stopped")
    yield* served.value
  },
  (effect, { log }) => Effect.provide(effect, Logs.layer(log)),
)

const watched = () => Events.layerLog.pipe(Layer.provideMerge(Layer.merge(Events.layer(), Telemetry.layer)))

/** How it went when it was told to stop; nothing when that was before it served. */
const live = Effect.fnUntraced(function* <R>(program: Program<R>) {
  const process = yield* Process.Process
  const signals = yield* process.signals({ hangUp: program.hangUp })
  const readiness = { ok: false, why: "starting" }
  yield* Telemetry.register({ row: () => ({ _tag: "Check", name: "program", ...readiness }) })
  const admin = yield* listenAdmin(program)
  const scope = yield* Scope.fork(yield* Effect.scope)
  const stopped = Effect.flatMap(signals.stop, (signal) => Effect.logInfo(`${signal}: stopping`))

  const start = Scope.provide(program.start({ admin, signals }), scope)
  const started = yield* Effect.raceFirst(Effect.asSome(start), Effect.as(stopped, Option.none<Started>()))
  if (Option.isNone(started)) return Option.none()
  const { finish = Effect.void, listeners, until = Effect.never } = started.value
  Object.assign(readiness, { ok: true, why: "" })
  process.out([...listeners.map(([name, url]) => `listening ${name} ${url}\n`), "ready\n"].join(""))

  yield* Effect.raceFirst(stopped, until)
  Object.assign(readiness, { ok: false, why: "shutting down" })
  const finished = yield* Effect.exit(finish)
  yield* Effect.sleep(program.drainDelay)
  yield* Scope.close(scope, Exit.void)
  return Option.some(finished)
})

const listenAdmin = Effect.fnUntraced(function* <R>({ admin }: Program<R>) {
  if (admin.at === "off") return undefined
  const { runtime } = yield* Process.Process
  const build = { version: yield* version, node: runtime }
  return yield* AdminServer.listen({ ...admin, at: admin.at, build })
})
