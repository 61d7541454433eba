/**
 * What is alive and what happened, as JSON and server-sent events, and buttons for operators.
 * Reads `Telemetry` and `Events` only, and shows nothing to people: that is the status page.
 *
 * @since 0.1.0
 */
import { Telemetry } from "@holdfast/core/Telemetry"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as Layer from "effect/Layer"
import * as EventSource from "./internal/eventSource.ts"
import * as Guard from "./internal/guard.ts"
import * as Press from "./internal/press.ts"
import * as Probes from "./internal/probes.ts"

/**
 * Who may ask.
 *
 * @category models
 * @since 0.1.0
 */
export type { Options } from "./internal/guard.ts"

/**
 * Adds `GET /api/links`, `/api/sessions`, `/api/sessions/:id`, `/api/probes/:kind`, `/api/events` (server-sent, the last
 * 1,024 replayed) and `POST /api/probes/:kind/:id/:action`, which takes `application/json` only.
 *
 * **Gotchas**
 *
 * What no other route of the router takes below `/api/` is answered here too: 404, as JSON.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Guard.Options): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const guard = Guard.make(options)
      // Requests run in the server's context, which need not be the one this layer was given.
      const context = yield* Effect.context<never>()
      const telemetry = Context.get(context, Telemetry)
      const press = yield* Press.make
      const rows = (kind: string) => (Probes.ofKind(telemetry, kind) ?? []).map(({ row }) => row)

      yield* router.add("GET", "/api/links", guard(Effect.sync(() => Guard.json(rows("Link").map(Probes.fieldsOf)))))
      yield* router.add(
        "GET",
        "/api/sessions",
        guard(Effect.sync(() => Guard.json(rows("Session").map(Probes.fieldsOf)))),
      )
      yield* router.add(
        "GET",
        "/api/sessions/:id",
        guard(
          Effect.map(HttpRouter.params, ({ id = "" }) => {
            const found = Probes.ofKind(telemetry, "Session")?.find(({ row }) => Probes.idOf(row) === id)
            return found === undefined ? notAlive("session", id, "/api/sessions") : Guard.json(Probes.detailOf(found))
          }),
        ),
      )
      yield* router.add(
        "GET",
        "/api/probes/:kind",
        guard(
          Effect.map(HttpRouter.params, ({ kind = "" }) => {
            const found = Probes.ofKind(telemetry, kind)
            return found === undefined ? noKind(kind) : Guard.json(found.map(({ row }) => row))
          }),
        ),
      )
      yield* router.add(
        "POST",
        "/api/probes/:kind/:id/:action",
        guard(
          Effect.flatMap(HttpRouter.params, ({ action = "", id = "", kind = "" }) => {
            const ofKind = Probes.ofKind(telemetry, kind)
            if (ofKind === undefined) return Effect.succeed(noKind(kind))
            const found = ofKind.filter(({ row }) => Probes.idOf(row) === id)
            if (found.length === 0) return Effect.succeed(notAlive(kind, id, `/api/probes/${kind}`))
            const actions = Probes.actionsOf(found, action)
            return actions.length === 0
              ? Effect.succeed(noAction(found, action))
              : press(`${kind.toLowerCase()}/${id}/${action}`, actions)
          }),
        ),
      )
      yield* router.add("GET", "/api/events", guard(EventSource.make(context)))
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"] as const) {
        yield* router.add(method, "/api/*", guard(Effect.map(HttpServerRequest.HttpServerRequest, noRoute)))
      }
    }),
  )

const noKind = (kind: string) =>
  Guard.refuse(
    404,
    `there is no kind of probe called ${JSON.stringify(kind)}; ask for one of ${Probes.kinds.join(", ")}`,
  )

const notAlive = (kind: string, id: string, list: string) =>
  Guard.refuse(404, `no ${kind} is called ${JSON.stringify(id)} now; GET ${list} lists what is alive`)

const noAction = (found: ReadonlyArray<Probes.Found>, action: string) => {
  const names = new Set(found.flatMap(({ probe }) => Object.keys(probe.actions ?? {})))
  return Guard.refuse(
    404,
    `there is no action called ${JSON.stringify(action)} here; ` +
      (names.size === 0 ? "it has none" : `choose one of ${[...names].join(", ")}`),
  )
}

const noRoute = ({ method }: HttpServerRequest.HttpServerRequest) =>
  Guard.refuse(
    404,
    `there is no ${method} here; GET /api/links, /api/sessions, /api/sessions/:id, /api/probes/:kind or /api/events, ` +
      "or POST /api/probes/:kind/:id/:action",
  )
