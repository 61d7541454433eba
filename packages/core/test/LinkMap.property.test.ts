import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Plan, run } from "./mapWorld.ts"
import { properties, times } from "./simulated.ts"
import type { World } from "./world.ts"

const seed = process.env["HOLDFAST_SEED"] ?? "maps"
const always = properties(Plan, run, seed)

const dialled = (world: World) => world.log.filter(({ _tag }) => _tag === "Start").length
const user = { at: 0, key: "a", how: "get", hold: 5, interrupt: null, after: "nothing" } as const

describe("LinkMap, whatever happens and in whatever order", () => {
  always("keeps all its promises", 1500, (plan) => plan)

  always("keeps them when everything happens at once", 500, (plan) => ({
    ...plan,
    users: plan.users.map((user) => ({ ...user, at: user.at % 3, key: "a", hold: user.hold % 3 })),
    retires: plan.retires.map((retire) => ({ ...retire, at: retire.at % 4, key: "a" })),
    close: plan.close % 8,
    preempt: 0.4,
  }))
})

describe("LinkMap, where RcMap has gaps, in any order of the fibers", () => {
  always(
    "a failed dial is not cached, even while the failed caller stays",
    200,
    (plan) => ({
      ...plan,
      retires: [],
      close: 50,
      idle: 10,
      users: [user, { ...user, at: 10 }],
      dials: [{ _tag: "Refused", after: 1, kind: "refused", closing: 3 }],
    }),
    (world) => world.expect(dialled(world) === 2, () => `${dialled(world)} dials`),
  )

  always(
    "a stale retire is harmless: it does not hit the successor",
    200,
    (plan) => ({
      ...plan,
      dials: [],
      close: 50,
      idle: 0,
      users: [user, { ...user, at: 10, hold: 15 }],
      retires: plan.retires.map(({ at }) => ({ at: 12 + (at % 10), key: "a", only: "stale" })),
    }),
    (world) => {
      const closed = world.log.find((entry) => entry._tag === "Closing" && entry.id === 2)
      world.expect(closed?.at === 2500 + 100, () => `closed @${closed?.at}`)
    },
  )

  always(
    "retire closes under the holders",
    200,
    (plan) => ({
      ...plan,
      dials: [],
      close: 50,
      users: [
        { ...user, hold: 15 },
        { ...user, how: "use", hold: 15 },
      ],
      retires: [{ at: 5, key: "a", only: plan.seed % 2 === 0 ? "mine" : "any" }],
    }),
    (world) => {
      const closed = world.log.find((entry) => entry._tag === "Closing")
      world.expect(closed?.at === 500, () => `closed @${closed?.at}`)
    },
  )

  always("after close every call answers a typed error, and nothing is left", 200, (plan) => ({
    ...plan,
    close: 1,
    users: plan.users.map((user) => ({ ...user, at: user.at % 3, interrupt: null })),
  }))

  it.effect.prop(
    "1,000 users of a key at once make one dial and one close",
    [Plan],
    ([plan]) =>
      Effect.sync(() => {
        const users = Array.from({ length: 1000 }, (_, i) => ({ ...user, hold: i % 16 }))
        const { world, wrong } = run({ ...plan, dials: [], retires: [], close: 50, users })
        assert.deepStrictEqual([wrong, dialled(world)], [[], 1])
      }),
    { arbitrary: { runs: 3 * times, seed }, timeout: 60_000 * times },
  )
})
