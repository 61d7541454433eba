/**
 * `/metrics`: everything in Effect's metric registry in Prometheus' text format, read at the moment of the scrape.
 * Measures of `Telemetry` are in that registry, so they need nothing more.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as Version from "effect/Version"
import * as Guard from "./internal/guard.ts"

/**
 * What `holdfast_build_info` says beside the version of Effect.
 *
 * @category models
 * @since 0.1.0
 */
export interface Build {
  /** The program's version. Default: `"unknown"`. */
  readonly version?: string | undefined
  /** The version of Node it runs on: `process.versions.node`. Default: `"unknown"`. */
  readonly node?: string | undefined
}

/**
 * Who may scrape, and what is running.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Guard.Options {
  /** Labels of `holdfast_build_info`. */
  readonly build?: Build | undefined
}

/**
 * Adds `GET /metrics` and the gauge `holdfast_build_info`, always 1.
 *
 * **Gotchas**
 *
 * It shows the metric registry in the context this layer is provided with, so give the app the same one.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const guard = Guard.make(options)
      const context = yield* Effect.context<never>()
      buildInfo(options?.build).updateUnsafe(1, context)
      const scrape = Effect.sync(() =>
        HttpServerResponse.text(PrometheusMetrics.formatUnsafe(context), { contentType }),
      )
      yield* router.add("GET", "/metrics", guard(scrape))
    }),
  )

const contentType = "text/plain; version=0.0.4; charset=utf-8"

const buildInfo = ({ node = "unknown", version = "unknown" }: Build = {}) =>
  Metric.gauge("holdfast_build_info", {
    description: "What is running, in its labels",
    attributes: { version, node, effect: Version.getCurrentVersion() },
  })
