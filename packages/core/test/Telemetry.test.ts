import { assert, describe, it } from "@effect/vitest"
import { Telemetry, TelemetrySchema } from "@holdfast/core"
import { Effect, Exit, Layer, Metric, Schema, Scope } from "effect"

const link = (target: string): Telemetry.Row => ({
  _tag: "Link",
  program: "p",
  target,
  state: "Ready",
  refs: 1,
  attempts: 2,
  lastError: null,
})
const rows = Effect.map(Telemetry.Telemetry, (list) => [...list.probes()].map((probe) => probe.row()))
const fresh = Layer.mergeAll(
  Telemetry.layer,
  Layer.sync(Metric.MetricRegistry, () => new Map()),
)

describe("Telemetry", () => {
  it.effect("lists a probe until its scope closes", () =>
    Effect.gen(function* () {
      yield* Telemetry.register({ row: () => link("a") })
      yield* Telemetry.register({ row: () => link("b") }).pipe(Effect.scoped)
      assert.deepStrictEqual(yield* rows, [link("a")])
    }).pipe(Effect.provide(fresh)),
  )

  it.effect("asks a probe only when somebody looks", () =>
    Effect.gen(function* () {
      let asked = 0
      const row = () => (asked++, link("a"))
      yield* Telemetry.register({ row, measures: [{ name: "n", type: "gauge", attributes: {}, value: () => asked++ }] })
      assert.strictEqual(asked, 0)
      yield* rows
      assert.strictEqual(asked, 1)
    }).pipe(Effect.provide(fresh)),
  )

  it.effect("adds up measures of equal name and labels, and takes the series off with the last", () =>
    Effect.gen(function* () {
      const probe = (value: number, target = "t"): Telemetry.Probe => ({
        row: () => link(target),
        measures: [{ name: "holdfast_open_connections", type: "gauge", attributes: { target }, value: () => value }],
      })
      const series = Effect.map(Metric.snapshot, (all) => all.map(({ attributes, state }) => [attributes, state]))
      const scope = yield* Scope.make()
      yield* Telemetry.register(probe(2)).pipe(Scope.provide(scope))
      yield* Telemetry.register(probe(40)).pipe(Scope.provide(scope))
      yield* Telemetry.register(probe(1, "u"))
      assert.deepStrictEqual(yield* series, [
        [{ target: "t" }, { value: 42 }],
        [{ target: "u" }, { value: 1 }],
      ])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* series, [[{ target: "u" }, { value: 1 }]])
    }).pipe(Effect.provide(fresh)),
  )

  it.effect("rows are JSON by their Schemas", () =>
    Effect.gen(function* () {
      const json = JSON.parse(JSON.stringify(link("a")))
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(TelemetrySchema.Row)(json), link("a"))
    }),
  )
})
