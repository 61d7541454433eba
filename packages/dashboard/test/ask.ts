/**
 * Asks an app in memory, with the test's own clock, telemetry, hub and metrics. For what only a socket shows, see `interop`.
 */
import * as Events from "@holdfast/core/Events"
import * as Telemetry from "@holdfast/core/Telemetry"
import { Effect, Layer, Metric, type Scope, Stream } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"

/** Telemetry and metrics of the test's own. */
export const registries: Layer.Layer<never> = Layer.merge(
  Telemetry.layer,
  Layer.sync(Metric.MetricRegistry, () => new Map()),
)

/** The same, and a hub of the test's own. */
export const world: Layer.Layer<never> = Events.layer().pipe(Layer.provideMerge(registries))

/** What came back. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A request, by default from a browser on this machine. */
export interface Request {
  readonly method?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** The app, ready to be asked. */
export interface App {
  readonly respond: (
    path: string,
    request?: Request,
  ) => Effect.Effect<HttpServerResponse.HttpServerResponse, never, Scope.Scope>
  readonly ask: (path: string, request?: Request) => Effect.Effect<Answer>
  readonly json: (path: string, request?: Request) => Effect.Effect<unknown>
}

/** Builds the app in the context of the test. */
export const open = <E>(layer: Layer.Layer<never, E, HttpRouter.HttpRouter>): Effect.Effect<App, E, Scope.Scope> =>
  Effect.gen(function* () {
    const handler = yield* HttpRouter.toHttpEffect(layer)
    const respond = (path: string, { headers = { host: "localhost:9464" }, method = "GET" }: Request = {}) =>
      handler.pipe(
        Effect.catchCause((cause) => Effect.map(HttpServerError.causeResponse(cause), ([response]) => response)),
        Effect.provideService(
          HttpServerRequest.HttpServerRequest,
          HttpServerRequest.fromWeb(new Request(`http://localhost:9464${path}`, { method, headers })),
        ),
      )
    const ask = (path: string, request?: Request): Effect.Effect<Answer> =>
      respond(path, request).pipe(
        Effect.flatMap((response) =>
          Effect.promise(async () => {
            const web = HttpServerResponse.toWeb(response)
            return { status: web.status, headers: { ...response.headers }, body: await web.text() }
          }),
        ),
        Effect.scoped,
      )
    return { respond, ask, json: (path, request) => Effect.map(ask(path, request), ({ body }) => JSON.parse(body)) }
  })

/** What a test sends with a button. */
export const button: Request = {
  method: "POST",
  headers: { host: "localhost:9464", "content-type": "application/json" },
}

/** The text of a streamed answer, piece by piece. */
export const pieces = (response: HttpServerResponse.HttpServerResponse): Stream.Stream<string, unknown> =>
  response.body._tag === "Stream" ? Stream.decodeText(response.body.stream) : Stream.die("the answer is not a stream")
