/**
 * Runs a plan against one `LinkMap` in the simulator and says which promises were broken.
 */
import { Events, Link, LinkMap } from "@holdfast/core"
import { Cause, Effect, Exit, Fiber, Metric, Schema, Scope } from "effect"
import { type Connection, Dial, Refused, tick, ticks, World } from "./world.ts"
import { type Ran, simulated } from "./simulated.ts"

const Key = Schema.Literals(["a", "b"])

export const Plan = Schema.Struct({
  dials: Schema.Array(Dial).check(Schema.isMaxLength(8)),
  users: Schema.Array(
    Schema.Struct({
      at: ticks(30),
      key: Key,
      how: Schema.Literals(["use", "get"]),
      hold: ticks(15),
      interrupt: Schema.NullOr(ticks(15)),
      /** What it does at once when it fails. */
      after: Schema.Literals(["nothing", "again"]),
    }),
  ).check(Schema.isMaxLength(7)),
  retires: Schema.Array(
    // `stale`: only the first connection of the key, however late; `mine`: only the newest; `any`: whatever is there.
    Schema.Struct({ at: ticks(40), key: Key, only: Schema.Literals(["stale", "mine", "any"]) }),
  ).check(Schema.isMaxLength(4)),
  close: ticks(50),
  idle: Schema.Literals([0, 3, 10]),
  connectTimeout: Schema.Literals([4, 8]),
  seed: ticks(1_000_000),
  preempt: Schema.Literals([0, 0.05, 0.2, 0.4]),
})
export type Plan = typeof Plan.Type

/** Runs the plan; `wrong` says which promises were broken. */
export const run = (plan: Plan): Ran => simulated(plan, story)

interface Call {
  readonly key: string
  readonly how: "use" | "get"
  readonly at: number
  readonly from: number
  startedAt?: number
  endedAt?: number
  connection?: Connection
  interrupted: boolean
  exit?: Exit.Exit<void, Refused | Link.LinkError>
}

const story = Effect.fnUntraced(function* (plan: Plan, made: (world: World) => void) {
  const hub = yield* Events.Events
  const context = yield* Effect.context<never>()
  const world = new World(context, plan.dials)
  made(world)
  const expect = world.expect.bind(world)
  const recording: Events.Hub = {
    ...hub,
    emit: (event) => {
      world.log.push({ _tag: "Told", at: event.at, event: event as Events.Known })
      hub.emit(event)
    },
  }
  const scope = yield* Scope.make()
  const others = yield* Scope.make()
  // Keeps the series of both targets, so that what the map forgets to take back shows.
  for (const target of ["a", "b"]) yield* Link.make({ target, connect: Effect.never }).pipe(Scope.provide(others))
  const waiting = new Map<string, number>()
  const overlaps: Array<{ readonly id: number; readonly at: number; readonly with: Connection }> = []
  const lastLeft = new Map<string, number>()
  const orphans: Array<{ readonly id: number; readonly at: number }> = []
  const count = (key: string, by: number) => {
    waiting.set(key, (waiting.get(key) ?? 0) + by)
    lastLeft.set(key, world.now)
  }
  world.onDial = (id, key) => {
    const before = world.log.findLast(
      (e) => (e._tag === "Start" && e.key === key) || (e._tag === "Stop" && keyOf(world, e.id) === key),
    )
    expect(before?._tag !== "Start", () => `dial ${id} begins while another one to ${key} is under way`)
    // It may be on its way out at this very instant.
    for (const one of world.open(key)) if (one.readyAt !== undefined) overlaps.push({ id, at: world.now, with: one })
    // So may be whoever asked for it.
    if ((waiting.get(key) ?? 0) === 0) orphans.push({ id, at: world.now })
  }
  const map = yield* LinkMap.make({
    connect: world.connect,
    lost: world.lost,
    idle: plan.idle * tick,
    connectTimeout: plan.connectTimeout * tick,
  }).pipe(Scope.provide(scope), Effect.provideService(Events.Events, recording))

  const calls: Array<Call> = []
  const one = (user: (typeof plan.users)[number]): Effect.Effect<Call> =>
    Effect.gen(function* () {
      const call: Call = {
        key: user.key,
        how: user.how,
        at: world.now,
        from: world.log.length,
        interrupted: false,
      }
      calls.push(call)
      const body = (connection: Connection) =>
        Effect.suspend(() => {
          call.startedAt = world.now
          call.connection = connection
          expect(connection.key === user.key, () => `${user.key} gets a connection to ${connection.key}`)
          if (user.how === "use") {
            const ended = connection.goneAt !== undefined || connection.closingAt !== undefined
            expect(!ended, () => `use starts on connection ${connection.id}, which has ended`)
          }
          world.hold(connection)
          const done = Effect.sync(() => {
            call.endedAt = world.now
            world.release(connection)
          })
          return Effect.ensuring(Effect.sleep(user.hold * tick), done)
        })
      const borrowed: Effect.Effect<void, Refused | Link.LinkError> =
        user.how === "use" ? map.use(user.key, body) : Effect.scoped(Effect.flatMap(map.get(user.key), body))
      const counted = Effect.acquireUseRelease(
        Effect.sync(() => count(user.key, 1)),
        () => borrowed,
        () => Effect.sync(() => count(user.key, -1)),
      )
      const called = yield* Effect.forkChild(counted, { startImmediately: true })
      if (user.interrupt !== null) {
        yield* Effect.timeoutOption(Fiber.await(called), user.interrupt * tick)
        call.interrupted = called.pollUnsafe() === undefined
        yield* Fiber.interrupt(called)
      }
      call.exit = yield* Fiber.await(called)
      call.endedAt ??= world.now
      return call
    })
  const users = yield* Effect.forEach(plan.users, (user) =>
    Effect.forkChild(
      Effect.gen(function* () {
        yield* Effect.sleep(user.at * tick)
        const call = yield* one(user)
        const failed = call.exit !== undefined && Exit.isFailure(call.exit)
        if (failed && !call.interrupted && user.after === "again") yield* one({ ...user, interrupt: null })
      }),
    ),
  )
  const retires = yield* Effect.forEach(plan.retires, ({ at, key, only }) =>
    Effect.forkChild(
      Effect.gen(function* () {
        yield* Effect.sleep(at * tick)
        const mine = [...world.connections.values()].filter((one) => one.key === key && one.readyAt !== undefined)
        const target = only === "stale" ? mine[0] : mine.at(-1)
        if (only !== "any" && target === undefined) return
        const known = new Set(mine.filter((one) => one.closingAt === undefined))
        const had = yield* map.retire(
          key,
          only === "any" ? { why: "retired" } : { only: target, why: `retired ${target!.id}` },
        )
        if (only === "any") return
        for (const other of known)
          expect(
            other === target || other.closingAt === undefined || other.goneAt !== undefined || !had || plan.preempt > 0,
            () => `${other.id} is closed by the retirement of ${target!.id}`,
          )
        if (had) expect(target!.closingAt !== undefined, () => `${target!.id} is retired, but lives`)
      }),
    ),
  )

  yield* Effect.sleep(Math.max(1, plan.close * tick - 3))
  const quietly = yield* numbers
  for (const key of ["a", "b"]) {
    const live = world
      .open(key)
      .filter((one) => one.readyAt !== undefined && (one.closingAt ?? one.goneAt) === undefined)
    expect(live.length <= 1, () => `several connections to ${key}`)
    expect((quietly[key] ?? 0) === live.length, () => `${key}: ${quietly[key]} open, ${live.length} in fact`)
    for (const { closingAt, holders, id, unusedAt } of live)
      expect(
        closingAt !== undefined ||
          holders > 0 ||
          (waiting.get(key) ?? 0) > 0 ||
          world.now < Math.max(unusedAt, lastLeft.get(key) ?? 0) + plan.idle * tick,
        () => `${id} lives, unused since ${unusedAt}`,
      )
    const last = world.log.findLast(
      (e) => (e._tag === "Start" && e.key === key) || (e._tag === "Stop" && keyOf(world, e.id) === key),
    )
    expect(last?._tag !== "Start" || (waiting.get(key) ?? 0) > 0, () => `it dials ${key} for nobody`)
  }

  yield* Effect.sleep(3)
  world.log.push({ _tag: "Close", at: world.now })
  yield* Scope.close(scope, Exit.void)
  world.log.push({ _tag: "Close", at: world.now })
  const after = world.log.length
  expect(world.open().length === 0, () => `still open after close: ${world.open().map(({ id }) => id)}`)
  for (const call of [map.use("a", () => Effect.void), Effect.scoped(map.get("b"))]) {
    const exit = yield* Effect.exit(call)
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    expect(error instanceof Link.LinkError && error.reason._tag === "Closed", () => `after close: ${String(exit)}`)
  }
  expect(!(yield* map.retire("a")), () => "something to retire after close")
  for (const fiber of [...users, ...retires]) yield* Fiber.join(fiber)
  expect(world.log.length === after, () => "something happened after close")
  const rest = yield* numbers
  for (const key of ["a", "b"]) expect(rest[key] === 0, () => `${key}: ${rest[key]} open after close`)
  yield* Scope.close(others, Exit.void)
  const series = yield* Metric.snapshot
  expect(series.length === 0, () => `series that stay: ${series.map(({ id }) => id)}`)
  yield* world.stop

  for (const connection of world.connections.values())
    expect(connection.closedAt !== undefined, () => `connection ${connection.id} is never closed`)
  for (const { at, id, with: before } of overlaps) {
    const end = Math.min(before.closingAt ?? Infinity, before.goneAt ?? Infinity)
    expect(end <= at, () => `dial ${id} @${at}, but ${before.id} lived until ${end}`)
  }
  for (const { at, id } of orphans) {
    const stop = world.log.find((e) => e._tag === "Stop" && e.id === id)
    expect(stop?.at === at, () => `dial ${id} @${at}, which nobody asked for`)
  }
  for (const call of calls) judge(world, call)
  for (const key of ["a", "b"]) events(world, key)
})

const numbers = Effect.map(Metric.snapshot, (all) => {
  const found: Record<string, number> = {}
  for (const one of all)
    if (one.type === "Gauge" && one.id === "holdfast_open_connections")
      found[String(one.attributes?.["target"])] = Number(one.state.value)
  return found
})

const keyOf = (world: World, id: number) =>
  world.log.flatMap((e) => (e._tag === "Start" && e.id === id ? [e.key] : []))[0]

/** What one caller was promised. */
const judge = (world: World, call: Call) => {
  const { at, connection, exit, startedAt } = call
  const say = (what: string) => () => `${call.how} ${call.key}@${at}, answered @${startedAt ?? call.endedAt}: ${what}`
  if (exit === undefined) return world.expect(false, say("has no end"))
  if (connection !== undefined && call.how === "use") {
    const over = Math.min(connection.goneAt ?? Infinity, connection.closingAt ?? Infinity)
    world.expect(call.endedAt! <= over, say(`ran until ${call.endedAt} on a connection that ended @${over}`))
  }
  if (Exit.isSuccess(exit)) return world.expect(connection !== undefined, say("succeeded without a connection"))
  for (const reason of exit.cause.reasons) {
    if (Cause.isInterruptReason(reason)) world.expect(call.interrupted, say("interrupted by somebody else"))
    else if (Cause.isDieReason(reason))
      world.expect(
        reason.defect instanceof Error && reason.defect.message === "bug in a dial",
        say(`died of ${String(reason.defect)}`),
      )
    else if (reason.error instanceof Refused) {
      // Failed dials are never remembered: the failure is of a dial that ended after the call.
      const { id } = reason.error
      const ended = world.log.findIndex((e) => e._tag === "Stop" && e.id === id)
      const told = world.log.findIndex(
        (e, i) => i > ended && e._tag === "Told" && e.event._tag === "Failed" && e.event.target === call.key,
      )
      world.expect(told >= call.from, say(`remembers the failure of dial ${id}`))
    }
  }
  const closed = world.log.some((e) => e._tag === "Close" && e.at <= call.endedAt!)
  const lost = exit.cause.reasons.some(
    (r) =>
      Cause.isFailReason(r) &&
      r.error instanceof Link.LinkError &&
      r.error.reason._tag === "Lost" &&
      r.error.reason.why === "unused",
  )
  world.expect(closed || !lost, say("it was closed as unused under a user"))
}

/** Attempts come in pairs of events, losses after connections. */
const events = (world: World, key: string) => {
  let [open, trying] = [0, 0]
  for (const entry of world.log) {
    if (entry._tag !== "Told" || entry.event.target !== key) continue
    const { event } = entry
    const say = () => `event ${JSON.stringify(event)}, ${open} open, ${trying} tried`
    if (event._tag === "Connecting") world.expect(++trying === 1, say)
    else if (event._tag === "Connected") world.expect(--trying === 0 && ++open >= 1, say)
    else if (event._tag === "Failed") world.expect(--trying === 0, say)
    else if (event._tag === "Lost") world.expect(--open >= 0, say)
  }
}
