/**
 * `/livez` and `/readyz`, the way Kubernetes asks. Ready is: every `Check` in `Telemetry` is ok; a program that drains
 * says so with a check of its own.
 *
 * @since 0.1.0
 */
import { type Row, Telemetry } from "@holdfast/core/Telemetry"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"
import * as Guard from "./internal/guard.ts"

/**
 * Whose questions are answered.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Pick<Guard.Options, "hosts"> {}

/**
 * Adds `GET /livez`, which is always 200, and `GET /readyz`, which is 200 or 503; `/readyz?verbose` lists the checks.
 * Never needs a token.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const guard = Guard.make({ hosts: options?.hosts })
      const telemetry = yield* Telemetry
      const ready = Effect.map(HttpServerRequest.ParsedSearchParams, (params) => {
        const checks = Array.from(telemetry.probes(), (probe) => probe.row()).filter(isCheck)
        return "verbose" in params ? verbose(checks) : brief(checks)
      })
      yield* router.add("GET", "/livez", guard(Effect.sync(() => HttpServerResponse.text("ok"))))
      yield* router.add("GET", "/readyz", guard(ready))
    }),
  )

type Check = Extract<Row, { readonly _tag: "Check" }>

const isCheck = (row: Row): row is Check => row._tag === "Check"

const isOk = (checks: ReadonlyArray<Check>): boolean => checks.every((check) => check.ok)

const brief = (checks: ReadonlyArray<Check>): HttpServerResponse.HttpServerResponse =>
  isOk(checks)
    ? HttpServerResponse.text("ok")
    : HttpServerResponse.text("not ready; GET /readyz?verbose says why\n", { status: 503 })

const verbose = (checks: ReadonlyArray<Check>): HttpServerResponse.HttpServerResponse => {
  const ok = isOk(checks)
  const lines = checks.map(({ name, ok, why }) => oneLine(ok ? `[+]${name} ok` : `[-]${name} failed: ${why}`))
  const summary = `readyz check ${ok ? "passed" : "failed"}`
  return HttpServerResponse.text([...lines, summary, ""].join("\n"), { status: ok ? 200 : 503 })
}

const oneLine = (text: string): string => text.replace(/\s*[\r\n]+\s*/g, " ")
