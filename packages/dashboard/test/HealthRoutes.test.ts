import { assert, describe, it } from "@effect/vitest"
import { Telemetry } from "@holdfast/core"
import { HealthRoutes } from "@holdfast/dashboard"
import { Effect } from "effect"
import * as App from "./ask.ts"

const check = (name: string, why?: string) =>
  Telemetry.register({ row: () => ({ _tag: "Check", name, ok: why === undefined, why: why ?? "" }) })

const brief = ({ body, status }: App.Answer) => [status, body]

describe("GET /livez", () => {
  it.effect("is 200 while the program answers at all, ready or not", () =>
    Effect.gen(function* () {
      yield* check("upstream", "refused")
      const app = yield* App.open(HealthRoutes.layer())
      assert.deepStrictEqual(brief(yield* app.ask("/livez")), [200, "ok"])
    }).pipe(Effect.provide(App.world)),
  )
})

describe("GET /readyz", () => {
  it.effect("is 200 when every check is ok, and when there is none", () =>
    Effect.gen(function* () {
      const app = yield* App.open(HealthRoutes.layer())
      assert.deepStrictEqual(brief(yield* app.ask("/readyz")), [200, "ok"])
      yield* check("upstream")
      assert.deepStrictEqual(brief(yield* app.ask("/readyz")), [200, "ok"])
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("is 503 while one check is not ok, and 200 when it is gone", () =>
    Effect.gen(function* () {
      yield* check("disk")
      const app = yield* App.open(HealthRoutes.layer())
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* check("upstream", "refused")
          const answer = yield* app.ask("/readyz")
          assert.deepStrictEqual(brief(answer), [503, "not ready; GET /readyz?verbose says why\n"])
        }),
      )
      assert.deepStrictEqual(brief(yield* app.ask("/readyz")), [200, "ok"])
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("lists the checks line by line when verbose", () =>
    Effect.gen(function* () {
      const app = yield* App.open(HealthRoutes.layer())
      yield* check("disk")
      const passed = yield* app.ask("/readyz?verbose")
      assert.deepStrictEqual(brief(passed), [200, "[+]disk ok\nreadyz check passed\n"])
      yield* check("upstream", "refused\nby 127.0.0.1:9")
      const failed = yield* app.ask("/readyz?verbose=1")
      assert.deepStrictEqual(brief(failed), [
        503,
        "[+]disk ok\n[-]upstream failed: refused by 127.0.0.1:9\nreadyz check failed\n",
      ])
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("is not 200 when a row cannot be read", () =>
    Effect.gen(function* () {
      yield* Telemetry.register({
        row: () => {
          throw new Error("a bug")
        },
      })
      const app = yield* App.open(HealthRoutes.layer())
      assert.strictEqual((yield* app.ask("/readyz")).status, 500)
    }).pipe(Effect.provide(App.world)),
  )
})
