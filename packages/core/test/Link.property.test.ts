import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { broken, Plan } from "./linkWorld.ts"

const times = Number(process.env["HOLDFAST_RUNS"] ?? 1)
const seed = process.env["HOLDFAST_SEED"] ?? "links"

describe("Link, whatever happens and in whatever order", () => {
  it.effect.prop(
    "keeps all its promises",
    [Plan],
    ([plan]) => Effect.sync(() => assert.deepStrictEqual(broken(plan), [])),
    { arbitrary: { runs: 300 * times, seed, maxShrinks: 3000 }, timeout: 600_000 },
  )
})
