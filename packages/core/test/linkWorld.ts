/**
 * Runs a plan against one `Link` in the simulator and says which promises were broken.
 */
import { Backoff, Connectivity, Events, Link } from "@holdfast/core"
import { Cause, Effect, Exit, Fiber, Metric, Schema, Scope } from "effect"
import { pace } from "./linkPace.ts"
import { type Connection, Dial, Refused, tick, ticks, World } from "./world.ts"
import { type Ran, simulated } from "./simulated.ts"

const User = Schema.Struct({
  at: ticks(60),
  how: Schema.Literals(["use", "get"]),
  /** How long it holds the connection. */
  hold: ticks(20),
  /** 0 is fail-fast. */
  patience: Schema.Literals([0, 0, 3, 20]),
  interrupt: Schema.NullOr(ticks(20)),
  /** What it does at once when it fails. */
  after: Schema.Literals(["nothing", "again", "reconnect"]),
})

export const Plan = Schema.Struct({
  dials: Schema.Array(Dial).check(Schema.isMaxLength(8)),
  users: Schema.Array(User).check(Schema.isMaxLength(5)),
  reconnects: Schema.Array(ticks(60)).check(Schema.isMaxLength(3)),
  watchers: Schema.Array(ticks(40)).check(Schema.isMaxLength(2)),
  close: ticks(80),
  handover: Schema.Literals(["break", "make"]),
  giveUpAfter: Schema.NullOr(Schema.Literals([10, 25])),
  drain: Schema.Literals([0, 5, 20]),
  hurry: Schema.Literals([1, 3]),
  stableAfter: Schema.Literals([0, 5, 15]),
  connectTimeout: Schema.Literals([4, 8]),
  redial: Schema.Literals([true, true, false, "paced"]),
  goodbyes: Schema.Array(ticks(8)).check(Schema.isMaxLength(3)),
  stillborn: Schema.Array(ticks(8)).check(Schema.isMaxLength(1)),
  /** What the owner does at once when it hears that the link is parked. */
  parked: Schema.Literals(["nothing", "nothing", "reconnect", "throw"]),
  eager: Schema.Boolean,
  seed: ticks(1_000_000),
  preempt: Schema.Literals([0, 0.05, 0.2, 0.4]),
})
export type Plan = typeof Plan.Type

const target = "t"
export const base = 4 * tick
export const most = 32 * tick

/** What one call was and became. */
interface Call {
  readonly patience: number
  readonly how: "use" | "get"
  readonly at: number
  readonly from: number
  readonly state: Connectivity.State
  startedAt?: number
  endedAt?: number
  connection?: Connection
  interrupted: boolean
  exit?: Exit.Exit<void, Refused | Link.LinkError>
}

const legal: Readonly<Record<Connectivity.State, ReadonlyArray<Connectivity.State>>> = {
  Idle: ["Connecting", "Shutdown"],
  Connecting: ["Ready", "TransientFailure", "Shutdown"],
  Ready: ["Connecting", "TransientFailure", "Shutdown"],
  TransientFailure: ["Connecting", "Shutdown"],
  Shutdown: [],
}

const words = {
  Idle: "idle",
  Connecting: "connecting",
  Ready: "ready",
  TransientFailure: "transient_failure",
  Shutdown: "shutdown",
}

const counted = new Set(["holdfast_open_connections", "holdfast_connection_state"])

const gauges = Effect.map(Metric.snapshot, (all) => {
  const found: Record<string, number> = {}
  for (const one of all) {
    if (one.type !== "Gauge" || !counted.has(one.id)) continue
    const state = one.attributes?.["state"]
    found[state === undefined ? one.id : `${one.id} ${state}`] = Number(one.state.value)
  }
  return found
})

/** Runs the plan; `wrong` says which promises were broken. */
export const run = (plan: Plan): Ran => simulated(plan, story)

const story = Effect.fnUntraced(function* (plan: Plan, ready: (world: World) => void) {
  const hub = yield* Events.Events
  const context = yield* Effect.context<never>()
  const world = new World(context, plan.dials)
  ready(world)
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
  yield* Link.make({ target, connect: Effect.never }).pipe(Scope.provide(others))
  world.onDial = () => dialBegins(world, plan)
  world.goodbyes = plan.goodbyes
  world.stillborn = plan.stillborn
  // In one step, so that the diary has it where it happened.
  const ask = (of: Link.Link<Connection, Refused>) =>
    Effect.sync(() => {
      world.log.push({ _tag: "Asked", at: world.now })
      Effect.runSync(of.reconnect("asked"))
    })
  // Not there yet when it is eager and the first dial comes to nothing at once.
  const made: { link?: Link.Link<Connection, Refused> } = {}
  const link = yield* Link.make({
    target,
    connect: world.connect("link"),
    lost: world.lost,
    backoff: Backoff.grpc({ baseDelay: base, multiplier: 2, jitter: 0, maxDelay: most }),
    handover: plan.handover,
    drain: plan.drain * tick,
    hurry: plan.hurry * tick,
    stableAfter: plan.stableAfter * tick,
    connectTimeout: plan.connectTimeout * tick,
    giveUpAfter: plan.giveUpAfter === null ? undefined : plan.giveUpAfter * tick,
    isRetryable: (error) => error.kind !== "auth",
    redial: plan.redial,
    parked: (error) => {
      parks(world, error)
      const state = made.link?.state() ?? "TransientFailure"
      expect(state === "TransientFailure", () => `parked, but ${state}`)
      if (plan.parked === "throw") throw new Error("a typo")
      if (plan.parked === "reconnect" && made.link !== undefined) Effect.runSync(ask(made.link))
    },
    eager: plan.eager,
  }).pipe(Scope.provide(scope), Effect.provideService(Events.Events, recording))
  const calls: Array<Call> = []
  const seen: Array<Array<Connectivity.State>> = []
  made.link = link

  const hold = (call: Call, holdTicks: number) => (connection: Connection) =>
    Effect.suspend(() => {
      call.startedAt = world.now
      call.connection = connection
      if (call.how === "use") {
        const ended = connection.goneAt !== undefined || connection.closingAt !== undefined
        expect(!ended, () => `use starts on connection ${connection.id}, which has ended`)
      }
      world.hold(connection)
      const done = Effect.sync(() => {
        call.endedAt = world.now
        world.release(connection)
      })
      return Effect.ensuring(Effect.sleep(holdTicks * tick), done)
    })

  const one = (user: typeof User.Type, number: number): Effect.Effect<Call> =>
    Effect.gen(function* () {
      const call: Call = yield* Effect.sync(() => {
        if (user.patience > 0) world.log.push({ _tag: "Patient", user: number, at: world.now, on: true })
        return {
          how: user.how,
          patience: user.patience * tick,
          at: world.now,
          from: world.log.length,
          state: link.state(),
          interrupted: false,
        }
      })
      calls.push(call)
      const body = hold(call, user.hold)
      const borrowed: Effect.Effect<void, Refused | Link.LinkError> =
        user.how === "use" ? link.use(body) : Effect.scoped(Effect.flatMap(link.get, body))
      const called = yield* Effect.forkChild(
        user.patience === 0 ? borrowed : Link.waitForReady(borrowed, user.patience * tick),
        { startImmediately: true },
      )
      if (user.interrupt !== null) {
        yield* Effect.timeoutOption(Fiber.await(called), user.interrupt * tick)
        call.interrupted = called.pollUnsafe() === undefined
        yield* Fiber.interrupt(called)
      }
      const exit = yield* Fiber.await(called)
      call.exit = exit
      call.endedAt ??= world.now
      if (user.patience > 0) world.log.push({ _tag: "Patient", user: number, at: world.now, on: false })
      return call
    })

  const users = yield* Effect.forEach(plan.users, (user, number) =>
    Effect.forkChild(
      Effect.gen(function* () {
        yield* Effect.sleep(user.at * tick)
        const call = yield* one(user, number)
        if (call.interrupted || call.exit === undefined || Exit.isSuccess(call.exit)) return
        if (user.after === "again") yield* one({ ...user, interrupt: null }, number)
        else if (user.after === "reconnect") yield* ask(link)
      }),
    ),
  )
  const asks = yield* Effect.forEach(plan.reconnects, (at) =>
    Effect.forkChild(Effect.andThen(Effect.sleep(at * tick), ask(link))),
  )
  const watchers = yield* Effect.forEach([0, ...plan.watchers], (at) =>
    Effect.forkChild(
      Effect.gen(function* () {
        yield* Effect.sleep(at * tick)
        const states: Array<Connectivity.State> = []
        seen.push(states)
        const pull = yield* link.subscribe
        while (true) {
          for (const change of yield* pull) {
            if (typeof change === "string") states.push(change)
            else expect(false, () => "a quick reader lags")
          }
        }
      }).pipe(
        Effect.scoped,
        Effect.catchIf(Cause.isDone, () => Effect.void),
      ),
    ),
  )

  // Nothing else happens at this time, so everybody must agree.
  yield* Effect.sleep(Math.max(1, plan.close * tick - 3))
  const found = link.state()
  for (const states of seen)
    expect(states.at(-1) === found, () => `a reader believes ${states.at(-1)}, but it is ${found}`)
  agrees(world, plan, found)
  const open = { holdfast_open_connections: found === "Ready" ? 1 : 0 }
  const expected: Record<string, number> = { ...open, "holdfast_connection_state idle": 1 }
  for (const word of Object.values(words)) expected[`holdfast_connection_state ${word}`] ??= 0
  expected[`holdfast_connection_state ${words[found]}`]! += 1
  same(world, "gauges", yield* gauges, expected)

  yield* Effect.sleep(3)
  world.log.push({ _tag: "Close", at: world.now })
  yield* Scope.close(scope, Exit.void)
  world.log.push({ _tag: "Close", at: world.now })
  expect(link.state() === "Shutdown", () => `closed, but ${link.state()}`)
  expect(world.open().length === 0, () => `still open after close: ${world.open().map(({ id }) => id)}`)
  const after = world.log.length
  for (const call of [
    link.use(() => Effect.void),
    Effect.scoped(link.get),
    Link.waitForReady(
      link.use(() => Effect.void),
      "1 second",
    ),
  ]) {
    const exit = yield* Effect.exit(call)
    expect(isClosed(exit), () => `after close: ${String(exit)}`)
  }
  yield* link.reconnect("too late")
  for (const fiber of [...users, ...asks, ...watchers]) yield* Fiber.join(fiber)
  expect(
    world.log.slice(after).every(({ _tag }) => _tag === "Patient" || _tag === "Asked"),
    () => "something happened after close",
  )
  const zero: Record<string, number> = { holdfast_open_connections: 0, "holdfast_connection_state idle": 1 }
  for (const word of Object.values(words)) zero[`holdfast_connection_state ${word}`] ??= 0
  same(world, "gauges after close", yield* gauges, zero)
  yield* Scope.close(others, Exit.void)
  const rest = yield* Metric.snapshot
  expect(rest.length === 0, () => `series that stay: ${rest.map(({ id }) => id)}`)
  yield* world.stop

  for (const states of seen) {
    expect(states.at(-1) === "Shutdown", () => `a reader ends with ${states.at(-1)}`)
    for (let i = 1; i < states.length; i++) {
      const [from, to] = [states[i - 1]!, states[i]!]
      expect(legal[from].includes(to), () => `${from} is followed by ${to}`)
    }
  }
  for (const call of calls) judge(world, plan, call)
  events(world, plan)
  pace(world, plan)
  handovers(world, plan)
})

const isClosed = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.every((reason) => Cause.isFailReason(reason) && isLink(reason.error, "Closed"))

const isLink = (error: unknown, tag: Link.LinkError["reason"]["_tag"]) =>
  error instanceof Link.LinkError && error.reason._tag === tag

const same = (world: World, what: string, found: Record<string, number>, expected: Record<string, number>) => {
  for (const key of new Set([...Object.keys(found), ...Object.keys(expected)]))
    world.expect(found[key] === expected[key], () => `${what}: ${key} is ${found[key]}, expected ${expected[key]}`)
}

/** One dial at a time, and with `break` nothing else is open, unless it takes too long to close. */
const dialBegins = (world: World, plan: Plan) => {
  const running = world.log.findLast((entry) => entry._tag === "Start" || entry._tag === "Stop")
  world.expect(running?._tag !== "Start", () => "two dials at once")
  const before = world.open().filter(({ closingAt }) => closingAt === undefined || world.now - closingAt < 10_000)
  const others = plan.handover === "break" ? before : before.filter(({ readyAt }) => readyAt === undefined)
  world.expect(others.length === 0, () => `a dial while ${others.map(({ id }) => id)} is open`)
}

/** The owner hears of the last failure. */
const parks = (world: World, error: Refused | Link.LinkError) => {
  world.log.push({ _tag: "Parked", at: world.now })
  const told = world.log.findLast((e) => e._tag === "Told" && e.event._tag !== "Connecting")
  const event = told?._tag === "Told" ? told.event : undefined
  const result = event?._tag === "Failed" ? event.result : undefined
  if (result === "refused" || result === "reset" || result === "auth") {
    const last = world.log.findLast((e) => e._tag === "Start")
    world.expect(error instanceof Refused && error.id === last?.id, () => `parked by ${error}, not by ${last?.id}`)
  } else world.expect(isLink(error, result === "timeout" ? "ConnectTimeout" : "Lost"), () => `parked by ${error}`)
}

/** At a quiet moment the state says what the peer sees. */
const agrees = (world: World, plan: Plan, state: Connectivity.State) => {
  const live = world
    .open()
    .filter(({ closingAt, goneAt, readyAt }) => readyAt !== undefined && (closingAt ?? goneAt) === undefined)
  const dialling = world.log.findLast((entry) => entry._tag === "Start" || entry._tag === "Stop")?._tag === "Start"
  const closing = world.open().some(({ closingAt }) => closingAt !== undefined)
  if (state === "Ready") world.expect(live.length > 0, () => "Ready without a connection")
  else if (plan.handover === "break") world.expect(live.length === 0, () => `${state} with a live connection`)
  if (state === "Connecting") world.expect(dialling || closing, () => "Connecting, but nothing dials")
  if (state === "TransientFailure" || state === "Idle") world.expect(!dialling, () => `${state}, but it dials`)
}

/** What one caller was promised. */
const judge = (world: World, plan: Plan, call: Call) => {
  const { at, connection, exit, startedAt, state } = call
  const closeAt = world.log.find(({ _tag }) => _tag === "Close")!.at
  if (exit === undefined) return world.expect(false, () => `the call @${at} has no end`)
  const answered = startedAt ?? call.endedAt!
  const say = (what: string) => () => `${call.how}@${at} in ${state}, answered @${answered}: ${what}`
  if (connection !== undefined && call.how === "use") {
    const over = Math.min(connection.goneAt ?? Infinity, connection.closingAt ?? Infinity)
    world.expect(call.endedAt! <= over, say(`ran until ${call.endedAt} on a connection that ended @${over}`))
  }
  if (Exit.isFailure(exit)) {
    for (const reason of exit.cause.reasons) {
      if (Cause.isInterruptReason(reason)) world.expect(call.interrupted, say("interrupted by somebody else"))
      else if (Cause.isDieReason(reason))
        world.expect(
          reason.defect instanceof Error && reason.defect.message === "bug in a dial",
          say(`died of ${String(reason.defect)}`),
        )
      else if (reason.error instanceof Link.LinkError) {
        const why = reason.error.reason._tag === "Lost" ? /^1006 of (\d+)$/.exec(reason.error.reason.why) : null
        const gone = why === null ? 0 : world.log.findIndex((e) => e._tag === "Gone" && e.id === Number(why[1]))
        if (state === "Ready" && why !== null)
          world.expect(gone >= call.from, say(`answered with the end of ${why[1]}, which it could not have had`))
      }
    }
  } else world.expect(connection !== undefined, say("succeeded without a connection"))
  if (call.interrupted) return
  if (call.patience > 0) return world.expect(answered <= at + call.patience, say("waited longer than its patience"))
  const busy = world.log.some((e) => (e._tag === "Start" || e._tag === "Asked") && e.at === at)
  if (state === "TransientFailure" && !busy) world.expect(answered === at, say("waited although it was down"))
  const over = world.log.find(
    (e) => e.at > at && e._tag === "Told" && (e.event._tag === "Connected" || e.event._tag === "Failed"),
  )
  // A close that waits for finalizers answers when it begins.
  world.expect(
    answered <= Math.min(over?.at ?? Infinity, closeAt < at ? at : closeAt),
    say("waited longer than an attempt"),
  )
  // With nothing to drain for, it may come just when the old connection ends.
  const asks = world.log.some(
    (e) =>
      e.at === at && (e._tag === "Gone" || (plan.drain === 0 && e._tag === "Told" && e.event._tag === "Connected")),
  )
  if (plan.handover === "make" && state === "Ready" && !asks && closeAt !== at)
    world.expect(startedAt === at, say("did not get the connection"))
}

/** Events are told in order, and in pairs. */
const events = (world: World, plan: Plan) => {
  let [attempt, open, trying, lostAt] = [0, false, false, null as number | null]
  const told = world.log.flatMap((entry) => (entry._tag === "Told" ? [entry.event] : []))
  for (const event of told) {
    const say = (what: string) => () => `event ${JSON.stringify(event)}: ${what}`
    switch (event._tag) {
      case "Connecting":
        world.expect(!trying && event.attempt === attempt + 1, say("out of turn"))
        world.expect(plan.handover === "make" || !open, say("while connected"))
        attempt = event.attempt
        trying = true
        break
      case "Connected":
        world.expect(trying && !open && event.attempt === attempt, say("out of turn"))
        world.expect(
          event.downMillis === (lostAt === null ? null : event.at - lostAt),
          say(`the connection before was lost @${lostAt}`),
        )
        trying = false
        open = true
        break
      case "Failed":
        world.expect(trying && event.attempt === attempt, say("out of turn"))
        trying = false
        break
      case "Lost":
        world.expect(open, say("out of turn"))
        open = false
        lostAt = event.at
        break
      default:
        world.expect(false, say("unexpected"))
    }
  }
}

/** With `make` the old connection lives until nobody holds it, and not longer than `drain`. */
const handovers = (world: World, plan: Plan) => {
  if (plan.handover === "break") return
  const closeAt = world.log.find(({ _tag }) => _tag === "Close")!.at
  const ready = [...world.connections.values()].filter(({ readyAt }) => readyAt !== undefined)
  for (const old of ready) {
    const next = ready.find(({ id }) => id > old.id)
    if (next === undefined || old.goneAt !== undefined || old.readyAt! > next.readyAt!) continue
    const told = world.log.some((e) => e._tag === "Told" && e.event._tag === "Lost" && e.at === next.readyAt)
    if (!told) continue
    const latest = Math.min(next.readyAt! + plan.drain * tick, closeAt)
    world.expect(old.closingAt! <= latest, () => `${old.id} drains until ${old.closingAt}, longer than ${latest}`)
    world.expect(
      old.closingAt! >= latest || old.unusedAt <= old.closingAt!,
      () => `${old.id} is closed @${old.closingAt} under its holders`,
    )
  }
}
