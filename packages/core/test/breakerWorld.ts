/**
 * Runs callers and operators against one breaker in the simulator. Every question and every report goes to a reference, too, in the
 * same order, and the answers must be the same.
 */
import { Breaker, Events } from "@holdfast/core"
import { Cause, Context, Duration, Effect, Exit, Fiber, Schedule, Schema } from "effect"
import { Calls, Through } from "../src/internal/breakerCalls.ts"
import { Group } from "../src/internal/breakerGroup.ts"
import { good, Machine, type Ticket, type Verdict } from "../src/internal/breakerMachine.ts"
import * as Plans from "../src/internal/breakerPlan.ts"
import { Reference } from "./breakerReference.ts"
import { type Ran, simulated } from "./simulated.ts"
import { tick, ticks } from "./world.ts"

const Rule = Schema.Literals(["consecutive", "count", "time", "slow"])

export const Plan = Schema.Struct({
  rules: Schema.NonEmptyArray(Rule).check(Schema.isMaxLength(2)),
  probes: Schema.Literals([1, 1, 2, 3]),
  successRatio: Schema.Literals([0.3, 0.5, 1]),
  onFull: Schema.Literals(["reject", "wait"]),
  probeTimeout: Schema.Literals([3, 8]),
  /** Without, all failures are bad. */
  classify: Schema.Boolean,
  callers: Schema.Array(
    Schema.Struct({
      at: ticks(60),
      took: ticks(6),
      how: Schema.Literals(["ok", "ok", "fail", "fail", "fail", "die", "never", "hint", "ignored", "bug"]),
      interrupt: Schema.NullOr(ticks(8)),
      again: Schema.Literals([0, 0, 1, 4]),
    }),
  ).check(Schema.isMaxLength(24)),
  operators: Schema.Array(
    Schema.Struct({
      at: ticks(60),
      what: Schema.Literals(["isolate", "forceOpen", "probe", "reset"]),
      hold: ticks(10),
    }),
  ).check(Schema.isMaxLength(4)),
  seed: ticks(1_000_000),
  preempt: Schema.Literals([0, 0.05, 0.2, 0.4]),
})
export type Plan = typeof Plan.Type

const rules = {
  consecutive: Breaker.consecutive(2),
  count: Breaker.countWindow({ ratio: 0.5, size: 4, minimum: 3 }),
  time: Breaker.timeWindow({ ratio: 0.5, window: 10 * tick, minimum: 2 }),
  slow: Breaker.slowCalls({ ratio: 0.5, slowerThan: 2 * tick, window: 20 * tick, minimum: 2 }),
}

const openings = [3, 5, 9]
const hint = 12 * tick

class Say {
  readonly outcome: Breaker.Outcome | "bug"
  constructor(outcome: Breaker.Outcome | "bug") {
    this.outcome = outcome
  }
}

const said = (exit: Exit.Exit<unknown, unknown>): Breaker.Outcome => {
  if (Exit.isSuccess(exit)) return "Success"
  if (Cause.hasInterruptsOnly(exit.cause)) throw new Error("asked about an interruption")
  const error = Cause.squash(exit.cause)
  if (!(error instanceof Say)) return "Failure"
  if (error.outcome === "bug") throw new Error("bug in classify")
  return error.outcome
}

/** What was found, and how often what. */
export class World {
  readonly wrong: Array<string> = []
  readonly seen = new Map<string, number>()

  count(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }
}

/** Asks the reference, too. */
class Watched extends Machine {
  readonly #reference: Reference
  readonly #world: World
  readonly #tickets = new Map<Ticket, ReturnType<Reference["take"]>>()
  #told = false

  constructor(group: Group, reference: Reference, world: World) {
    super("b", group)
    this.#reference = reference
    this.#world = world
  }

  override succeeded(generation: number, started: number): undefined {
    this.#tell(generation, good, started)
    this.#told = true
    super.succeeded(generation, started)
    this.#told = false
    this.same("succeeded")
  }

  override settle(generation: number, verdict: Verdict, started: number): void {
    if (!this.#told) this.#tell(generation, verdict, started)
    super.settle(generation, verdict, started)
    this.same("settle")
  }

  #tell(generation: number, { bad, hint }: Verdict, started: number): void {
    const now = this.group.now()
    if (generation === this.generation) this.#reference.ended(now, bad, now - started, hint)
    else this.#world.count("late")
  }

  override refuse() {
    const now = this.group.now()
    this.#reference.overdue(now)
    const refused = super.refuse()
    this.same("refuse")
    const { base, holds, isFull, openUntil } = this.#reference
    const must = holds > 0 || (base === "Open" && now < openUntil)
    const may = base === "HalfOpen" && isFull && !this.group.plan.waits
    this.expect((refused !== undefined) === (must || may), () => `refused ${refused?.error.reason._tag} in ${base}`)
    if (refused !== undefined && holds === 0) {
      const least =
        base === "Open"
          ? openUntil
          : Math.min(...this.#reference.out.map(({ started }) => started)) + this.group.plan.probeTimeout
      const said = Duration.toMillis(refused.error.reason.retryAfter)
      this.expect(said === least - now, () => `retryAfter ${said}, not ${least - now}`)
    }
    return refused
  }

  override take() {
    const mine = this.#reference.take(this.group.now())
    const ticket = super.take()
    this.expect((ticket === undefined) === (mine === undefined), () => `took ${ticket !== undefined}`)
    if (ticket !== undefined) this.#tickets.set(ticket, mine)
    this.same("take")
    return ticket
  }

  override decide(ticket: Ticket, judge: () => Verdict | undefined): void {
    const now = this.group.now()
    let verdict: Verdict | undefined
    let bug = true
    const slow = now - ticket.started > this.group.plan.slowerThan
    const tell = () => {
      const outcome = verdict === undefined ? "ignored" : verdict.bad || slow ? "bad" : "good"
      this.#reference.decide(this.#tickets.get(ticket), now, outcome, verdict?.hint ?? 0)
    }
    try {
      super.decide(ticket, () => {
        verdict = judge()
        bug = false
        return verdict
      })
    } finally {
      tell()
      if (bug) this.#world.count("bug in classify of a probe")
      this.same("decide")
    }
  }

  override waiting() {
    this.#world.count("waits")
    return super.waiting()
  }

  override hold(why: string) {
    this.#reference.hold(this.group.now())
    const release = super.hold(why)
    this.same("hold")
    return () => {
      this.#reference.release()
      release()
      this.same("release")
    }
  }

  override forceOpen(why: string): void {
    this.#reference.forceOpen(this.group.now())
    super.forceOpen(why)
    this.same("forceOpen")
  }

  override probe(): void {
    this.#reference.probe(this.group.now())
    super.probe()
    this.same("probe")
  }

  override reset(): void {
    this.#reference.reset(this.group.now())
    super.reset()
    this.same("reset")
  }

  expect(holds: boolean, what: () => string): void {
    if (!holds) this.#world.wrong.push(`@${this.group.now()}: ${what()}`)
  }

  same(after: string): void {
    const [mine, its] = [this.history().map(({ from, to }) => `${from} ${to}`), this.#reference.changes]
    const [state, wanted] = [
      `${this.state} ${mine.join(", ")}`,
      `${this.#reference.state} ${its.slice(-64).join(", ")}`,
    ]
    this.expect(state === wanted, () => `after ${after}: ${state}; the reference: ${wanted}`)
  }
}

/** Runs the plan; `wrong` says where breaker and reference parted, and which promises were broken. */
export const run = (plan: Plan): Ran<World> => simulated(plan, story)

const story = Effect.fnUntraced(function* (plan: Plan, made: (world: World) => void) {
  const world = new World()
  made(world)
  const told: Array<Events.Known & { readonly _tag: "Breaker" }> = []
  const hub = yield* Events.Events
  const context = Context.add(yield* Effect.context<never>(), Events.Events, {
    ...hub,
    emit: (event) => void told.push(event as (typeof told)[number]),
  })
  const options = {
    rules: plan.rules.map((rule) => rules[rule]),
    probes: plan.probes,
    successRatio: plan.successRatio,
    onFull: plan.onFull,
    probeTimeout: plan.probeTimeout * tick,
    openFor: Schedule.fromStep(
      Effect.sync(() => {
        let n = 0
        return () =>
          Effect.sync((): [number, Duration.Duration] => [
            n,
            Duration.millis(openings[Math.min(n++, openings.length - 1)]! * tick),
          ])
      }),
    ),
    classify: plan.classify ? said : undefined,
  }
  const group = new Group(
    { name: "b", program: "test", plan: Plans.make(options, context), remembered: 64, nameOf: () => "b" },
    context,
  )
  const reference = new Reference({ ...options, openFor: openings.map((n) => n * tick) })
  const breaker = new Watched(group, reference, world)
  const calls = new Calls(breaker)

  const call = Effect.fnUntraced(function* (caller: Plan["callers"][number]) {
    yield* Effect.sleep(caller.at * tick)
    for (let turn = 0; turn <= caller.again; turn++) {
      const generation = breaker.generation
      const body = Effect.suspend(() => {
        const changes = told.slice(-(breaker.generation - generation) || told.length)
        const open =
          breaker.state === "Closed" ||
          breaker.state === "HalfOpen" ||
          changes.some(({ from }) => from === "Closed" || from === "HalfOpen")
        breaker.expect(open, () => `called while ${breaker.state}`)
        world.count(`called while ${breaker.state}`)
        const end =
          caller.how === "ok"
            ? Effect.succeed("answer")
            : caller.how === "never"
              ? Effect.never
              : caller.how === "die"
                ? Effect.die("defect")
                : Effect.fail(
                    new Say(
                      caller.how === "fail"
                        ? "Failure"
                        : caller.how === "hint"
                          ? { retryAfter: hint }
                          : caller.how === "bug"
                            ? "bug"
                            : "Ignored",
                    ),
                  )
        return Effect.andThen(Effect.sleep(caller.took * tick), end)
      })
      const exit = yield* Effect.exit(new Through(calls, body)).pipe(
        Effect.onInterrupt(() => Effect.sync(() => world.count("interrupted"))),
      )
      const what = Exit.isSuccess(exit) ? exit.value : tagOf(exit.cause)
      world.count(what)
    }
  })

  const operate = Effect.fnUntraced(function* ({ at, hold, what }: Plan["operators"][number]) {
    yield* Effect.sleep(at * tick)
    world.count(what)
    if (what === "isolate") {
      const release = breaker.hold("operator")
      yield* Effect.sleep(hold * tick)
      release()
    } else if (what === "forceOpen") breaker.forceOpen("operator")
    else breaker[what]()
  })

  const operators = yield* Effect.forEach(plan.operators, (one) => Effect.forkChild(operate(one)))
  const callers = yield* Effect.forEach(plan.callers, (one) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(call(one))
      const most = one.how === "never" ? 100 : (one.interrupt ?? 1000)
      return yield* Effect.forkChild(
        Effect.andThen(Effect.sleep((one.at + Math.min(most, one.interrupt ?? most)) * tick), Fiber.interrupt(fiber)),
      )
    }),
  )
  yield* Fiber.joinAll([...operators, ...callers])

  // However it went, nothing is stuck: in the end somebody gets through, and good answers close it.
  yield* Effect.sleep("5 minutes")
  for (let turn = 0; turn < 2 * plan.probes; turn++) {
    const exit = yield* Effect.exit(new Through(calls, Effect.succeed("answer")))
    breaker.expect(Exit.isSuccess(exit), () => `refused in the end: ${String(exit)}`)
  }
  breaker.expect(breaker.state === "Closed", () => `${breaker.state} in the end`)
  chained(told, breaker)
})

/** Each change goes on where the one before it ended, along an edge that there is. */
const chained = (told: ReadonlyArray<Breaker.Change>, breaker: Watched) => {
  const legal = new Set(["Closed Open", "Open HalfOpen", "HalfOpen Open", "HalfOpen Closed", "Open Closed"])
  let state: Breaker.State = "Closed"
  for (const { from, to } of told) {
    breaker.expect(from === state, () => `a change from ${from} in ${state}`)
    breaker.expect(legal.has(`${from} ${to}`) || from === "Isolated" || to === "Isolated", () => `${from} to ${to}`)
    state = to
  }
}

const tagOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  if (error instanceof Breaker.BreakerError) return error.reason._tag
  return error instanceof Say ? "failed" : "died"
}
