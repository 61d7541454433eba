import { assert, describe, it } from "@effect/vitest"
import { Connectivity, Events, Link } from "@holdfast/core"
import { Sim } from "@holdfast/testing"
import { Effect, Exit, Schema, Scope } from "effect"
import { base, most, Plan, run } from "./linkWorld.ts"
import { properties, times } from "./simulated.ts"
import { type Dial, tick, ticks, type World } from "./world.ts"

const seed = process.env["HOLDFAST_SEED"] ?? "links"
const always = properties(Plan, run, seed)

const starts = (world: World) => world.log.flatMap((entry) => (entry._tag === "Start" ? [entry.at] : []))
const delayOf = (failures: number) => Math.min(most, base * 2 ** failures)
const closedAt = (world: World) => world.log.find(({ _tag }) => _tag === "Close")!.at
const refused: Dial = { _tag: "Refused", after: 0, kind: "refused", closing: 0 }
const refusing = Array.from({ length: 30 }, () => refused)
const plain = { goodbyes: [], stillborn: [], parked: "nothing", redial: true, eager: true } as const
const quiet = { ...plain, reconnects: [] } as const
const harmless = (plan: Plan) => plan.users.map((user) => ({ ...user, after: "nothing" as const }))

describe("Link, whatever happens and in whatever order", () => {
  always("keeps all its promises", 1500, (plan) => plan)

  always("keeps them when everything happens at once", 500, (plan) => ({
    ...plan,
    users: plan.users.map((user) => ({ ...user, at: user.at % 3 })),
    reconnects: plan.reconnects.map((at) => at % 3),
    close: plan.close % 6,
    preempt: 0.4,
  }))

  always(
    "a link that flaps faster than stableAfter never dials faster than its backoff",
    300,
    (plan) => ({
      ...plan,
      ...quiet,
      users: harmless(plan),
      stableAfter: 15,
      close: 20 + plan.close,
      dials: Array.from({ length: 12 }, (_, i) => ({
        _tag: "Ok" as const,
        after: (plan.close % (i + 1)) % 3,
        life: (plan.seed + 7 * i) % 14,
        closing: 0 as const,
      })),
    }),
    (world) => {
      const at = starts(world)
      for (let i = 1; i < at.length; i++)
        world.expect(at[i]! - at[i - 1]! >= delayOf(i - 1), () => `dial ${i} @${at[i - 1]}, the next @${at[i]}`)
    },
  )

  always(
    "k dials take at least the k - 1 smallest delays, and one that a patient caller cut short counts as hurry",
    300,
    (plan) => ({
      ...plan,
      ...quiet,
      users: harmless(plan),
      stableAfter: 15,
      dials: plan.dials.map((dial) => (dial._tag === "Ok" ? { ...dial, life: (dial.life ?? 0) % 14 } : dial)),
    }),
    (world, plan) => {
      const dials: Array<{ readonly at: number; patient: boolean }> = []
      const there = new Set<number>()
      for (const entry of world.log) {
        // Whether somebody with patience is there, or comes, before the next one.
        if (entry._tag === "Start") dials.push({ at: entry.at, patient: there.size > 0 })
        else if (entry._tag === "Patient" && !entry.on) there.delete(entry.user)
        else if (entry._tag === "Patient") {
          there.add(entry.user)
          const last = dials.at(-1)
          if (last !== undefined) last.patient = true
        }
      }
      for (let from = 0; from < dials.length; from++)
        for (let to = from + 1; to < dials.length; to++) {
          const hurried = dials.slice(from, to).filter(({ patient }) => patient).length
          let least = hurried * plan.hurry * tick
          for (let n = 0; n < to - from - hurried; n++) least += delayOf(n)
          const took = dials[to]!.at - dials[from]!.at
          world.expect(took >= least, () => `dials ${from} to ${to} took ${took}, permitted ${least}`)
        }
    },
  )

  always(
    "giveUpAfter bounds how long it dials, and then it is parked",
    200,
    (plan) => ({
      ...plan,
      ...quiet,
      users: harmless(plan),
      dials: refusing,
      giveUpAfter: 10,
      close: 11 + (plan.close % 30),
    }),
    (world) => {
      const at = starts(world)
      world.expect(at.length >= 2 && at.every((start) => start <= 10 * tick), () => `dials @${at}`)
    },
  )

  always(
    "with make nobody fails because of a reconnect, when drain is longer than anybody stays",
    300,
    (plan) => ({
      ...plan,
      ...plain,
      handover: "make",
      drain: 20,
      giveUpAfter: null,
      connectTimeout: 8,
      users: plan.users.map((user) => ({
        ...user,
        at: 7 + user.at,
        patience: 0,
        interrupt: null,
        hold: user.hold % 15,
      })),
      reconnects: plan.reconnects.map((at) => 7 + at),
      close: 100,
      // The first is there in time, and none goes by itself.
      dials: plan.dials.map((dial, i) =>
        i > 0 && dial._tag !== "Ok" ? dial : ({ _tag: "Ok", after: 3, life: null, closing: 0 } as const),
      ),
    }),
    (world, plan) => {
      const used = [...world.connections.values()].reduce((sum, { uses }) => sum + uses, 0)
      world.expect(used === plan.users.length, () => `${used} of ${plan.users.length} got a connection`)
      const events = world.log.flatMap((entry) => (entry._tag === "Told" ? [entry.event] : []))
      const cut = events.some((event) => event._tag === "Lost" && event.why !== "replaced")
      world.expect(!cut, () => "a connection was lost")
    },
  )

  always(
    "who waits for Ready gets a dial every hurry, while the peer refuses",
    200,
    (plan) => ({
      ...plan,
      ...quiet,
      giveUpAfter: null,
      dials: refusing.slice(0, 3 + (plan.seed % 20)),
      close: 80,
      users: [{ at: 0, how: "use", hold: 0, patience: 20, interrupt: null, after: "nothing" }],
    }),
    (world, plan) => {
      const at = starts(world)
      for (let i = 1; i < at.length && at[i - 1]! + plan.hurry * tick < 20 * tick; i++)
        world.expect(plan.hurry * tick === at[i]! - at[i - 1]!, () => `dial ${i} @${at[i - 1]}, the next @${at[i]}`)
      world.expect(at.length > 3, () => `only ${at.length} dials until ${closedAt(world)}`)
    },
  )
})

describe("what a link costs", () => {
  const left = (lost: Link.OnLost<number> | undefined) => {
    const program = Effect.gen(function* () {
      // Its scope stays open, so that what is left is what runs while it is Ready.
      const scope = yield* Scope.make()
      const link = yield* Link.make({
        target: "t",
        connect: Effect.succeed(1),
        eager: true,
        giveUpAfter: "1 hour",
        lost,
      }).pipe(Scope.provide(scope))
      assert.strictEqual(yield* Connectivity.waitFor(link, "Ready"), "Ready")
      yield* link.use(Effect.succeed)
      yield* Scope.provide(link.get, scope)
      yield* Effect.sleep("1 minute")
    })
    const { exit, leaked } = Sim.run(program)
    assert.isTrue(Exit.isSuccess(exit))
    return leaked.length
  }

  it("while it is Ready no fiber runs, and lostEffect costs one", () => {
    assert.deepStrictEqual([left(undefined), left(() => {}), left(Link.lostEffect(() => Effect.never))], [0, 0, 1])
  })

  it.effect.prop(
    "a slow reader of states is told how many it missed, and keeps 64 at most",
    [ticks(400), Schema.Literals([0, 0.2]), ticks(1000)],
    ([flaps, preempt, seed]) =>
      Effect.sync(() => {
        const program = Effect.gen(function* () {
          let gone: ((why: string) => void) | undefined
          const lost: Link.OnLost<number> = (_, callback) => void (gone = callback)
          const link = yield* Link.make({ target: "t", connect: Effect.succeed(1), lost, eager: true, stableAfter: 0 })
          yield* Connectivity.waitFor(link, "Ready")
          const pull = yield* link.subscribe
          for (let i = 0; i < flaps; i++) {
            gone!("1006")
            yield* Connectivity.waitFor(link, "Ready")
          }
          const unread = yield* pull
          assert.isAtMost(unread.length, 64)
          const sum = unread.reduce((all, one) => all + (typeof one === "string" ? 1 : one.missed + 1), 0)
          assert.strictEqual(sum, 1 + 2 * flaps)
          const last = unread.at(-1)!
          assert.strictEqual(typeof last === "string" ? last : last.now, "Ready")
          assert.strictEqual(typeof unread[0] === "object", sum > 64)
        })
        const { exit } = Sim.run(program, { preempt, seed })
        assert.deepStrictEqual(exit, Exit.void)
      }),
    { arbitrary: { runs: 60 * times, seed }, timeout: 5_000 * times },
  )

  it.effect.prop(
    "a slow reader of events is told how many it missed, and the hub keeps no more than its capacity",
    [ticks(300), ticks(40)],
    ([count, capacity]) =>
      Effect.gen(function* () {
        const events = yield* Events.Events
        const event = { _tag: "Something", at: 0, program: "test", target: "t" }
        events.emit(event)
        const [first] = yield* events.after(0)
        for (let i = 0; i < count; i++) events.emit(event)
        assert.strictEqual(events.history().length, Math.min(1 + capacity, 1 + count))
        if (count === 0) return
        const entries = yield* events.after(first!.id)
        const missed = count - Math.min(count, 1 + capacity)
        assert.deepStrictEqual(
          entries.flatMap(({ event }) => ("missed" in event ? [event.missed] : [])),
          missed > 0 ? [missed] : [],
        )
        assert.strictEqual(entries.filter(({ event }) => event._tag === "Something").length + missed, count)
      }).pipe(Effect.provide(Events.layer({ capacity: 1 + capacity }))),
    { arbitrary: { runs: 100 * times, seed } },
  )
})
