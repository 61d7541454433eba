import { assert, describe, it } from "@effect/vitest"
import { Events, Telemetry } from "@holdfast/core"
import { Prometheus } from "@holdfast/dashboard"
import { Effect, Metric } from "effect"
import * as Version from "effect/Version"
import * as App from "./ask.ts"

const buildInfo = (version: string, node: string) => [
  "# HELP holdfast_build_info What is running, in its labels",
  "# TYPE holdfast_build_info gauge",
  `holdfast_build_info{version="${version}",node="${node}",effect="${Version.getCurrentVersion()}"} 1`,
]

const lines = (text: string) => text.trimEnd().split("\n")

describe("GET /metrics", () => {
  it.effect("is Prometheus' text format", () =>
    Effect.gen(function* () {
      const app = yield* App.open(Prometheus.layer())
      const { body, headers, status } = yield* app.ask("/metrics")
      assert.deepStrictEqual([status, headers["content-type"]], [200, "text/plain; version=0.0.4; charset=utf-8"])
      assert.strictEqual(body, `${buildInfo("unknown", "unknown").join("\n")}\n`)
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("says what is running, as a gauge of 1", () =>
    Effect.gen(function* () {
      const app = yield* App.open(Prometheus.layer({ build: { version: "0.1.0", node: "24.21.0" } }))
      assert.deepStrictEqual(lines((yield* app.ask("/metrics")).body), buildInfo("0.1.0", "24.21.0"))
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("shows any metric of the app, those of events, and measures read at the scrape", () =>
    Effect.gen(function* () {
      let open = 3
      yield* Metric.update(Metric.counter("app_orders_total", { incremental: true }), 2)
      const hub = yield* Events.Events
      const connected = { _tag: "Connected", at: 0, program: "p", target: "prices", attempt: 1, tookMillis: 4 }
      hub.emit(connected)
      yield* Telemetry.register({
        row: () => ({ _tag: "Check", name: "a", ok: true, why: "" }),
        measures: [
          { name: "holdfast_open_connections", type: "gauge", attributes: { side: "client" }, value: () => open },
        ],
      })
      const app = yield* App.open(Prometheus.layer())
      open = 5
      const scrape = lines((yield* app.ask("/metrics")).body)
      assert.includeMembers(scrape, [
        "app_orders_total 2",
        'holdfast_connection_attempts_total{target="prices",result="ok"} 1',
        'holdfast_connect_duration_seconds_count{target="prices",result="ok"} 1',
        'holdfast_open_connections{side="client"} 5',
      ])
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("shows nothing of another registry", () =>
    Effect.gen(function* () {
      const app = yield* App.open(Prometheus.layer())
      yield* Metric.update(Metric.gauge("elsewhere"), 1).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
      assert.notInclude((yield* app.ask("/metrics")).body, "elsewhere")
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("takes GET only", () =>
    Effect.gen(function* () {
      const app = yield* App.open(Prometheus.layer())
      assert.strictEqual((yield* app.ask("/metrics", App.button)).status, 404)
    }).pipe(Effect.provide(App.world)),
  )
})
