/**
 * The HTTP API of Toxiproxy: its routes, status codes and bodies, as far as `toxiproxy` knows what they mean.
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"
import type { Shown, Toxiproxy } from "./toxiproxy.ts"
import { type ApiError, badBody, isJson, type Json, wrong } from "./toxics.ts"

/** The routes; `version` is what it says it is. */
export const layer = (toxiproxy: Toxiproxy, version: string): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  HttpRouter.use((router) =>
    Effect.forEach(
      routes(toxiproxy, version),
      ([methods, path, answer]) =>
        Effect.forEach(methods.split(" ") as ReadonlyArray<Method>, (method) =>
          // as they are written below
          router.add(method, path, guarded(answer)),
        ),
      { discard: true },
    ),
  )

type Method = "GET" | "POST" | "PATCH" | "DELETE"
type Route = readonly [methods: "GET" | "POST" | "DELETE" | "POST PATCH", path: `/${string}`, answer: Answer]

const routes = (toxiproxy: Toxiproxy, version: string): ReadonlyArray<Route> => [
  ["GET", "/version", to(() => Effect.succeed({ version }))],
  ["GET", "/proxies", to(() => Effect.map(toxiproxy.all, byName))],
  ["POST", "/proxies", to(() => Effect.flatMap(body, toxiproxy.create), 201)],
  ["GET", "/proxies/:proxy", to(({ proxy }) => toxiproxy.get(proxy))],
  ["POST PATCH", "/proxies/:proxy", to(({ proxy }) => Effect.flatMap(body, (body) => toxiproxy.update(proxy, body)))],
  ["DELETE", "/proxies/:proxy", to(({ proxy }) => toxiproxy.remove(proxy))],
  ["GET", "/proxies/:proxy/toxics", to(({ proxy }) => Effect.map(toxiproxy.get(proxy), ({ toxics }) => toxics))],
  [
    "POST",
    "/proxies/:proxy/toxics",
    to(({ proxy }) => Effect.flatMap(body, (body) => toxiproxy.addToxic(proxy, body))),
  ],
  ["GET", "/proxies/:proxy/toxics/:toxic", to(({ proxy, toxic }) => toxiproxy.toxic(proxy, toxic))],
  [
    "POST PATCH",
    "/proxies/:proxy/toxics/:toxic",
    to(({ proxy, toxic }) => Effect.flatMap(body, (body) => toxiproxy.updateToxic(proxy, toxic, body))),
  ],
  ["DELETE", "/proxies/:proxy/toxics/:toxic", to(({ proxy, toxic }) => toxiproxy.removeToxic(proxy, toxic))],
  ["POST", "/populate", populate(toxiproxy)],
  ["POST", "/reset", to(() => toxiproxy.reset)],
]

type Answer = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  ApiError,
  HttpServerRequest.HttpServerRequest | HttpRouter.RouteContext
>

/** What comes of it as JSON; 204 when that is nothing. */
const to = (
  act: (path: {
    readonly proxy: string
    readonly toxic: string
  }) => Effect.Effect<unknown, ApiError, HttpServerRequest.HttpServerRequest>,
  status = 200,
): Answer =>
  Effect.flatMap(HttpRouter.params, ({ proxy = "", toxic = "" }) =>
    Effect.map(act({ proxy, toxic }), (value) =>
      value === undefined ? HttpServerResponse.empty({ status: 204 }) : json(value, status),
    ),
  )

const byName = (all: ReadonlyArray<Shown>) => Object.fromEntries(all.map((one) => [one.name, one]))

/** Not for pages of a browser, which could reach it by DNS rebinding: they name themselves, or the wrong host. */
const guarded = (answer: Answer) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) => {
    const { host = "", "user-agent": agent = "" } = headers
    if (agent.startsWith("Mozilla/")) return Effect.succeed(refuse("User agent not allowed"))
    if (!/^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host)) return Effect.succeed(refuse("Host not allowed"))
    return Effect.catch(answer, ({ error, status }) => Effect.succeed(json({ error, status }, status)))
  })

const populate = (toxiproxy: Toxiproxy): Answer =>
  Effect.gen(function* () {
    const list = yield* parsed
    if (!Array.isArray(list)) return yield* wrong("the body", "a list of proxies", list)
    return json({ proxies: yield* toxiproxy.populate(list) }, 201)
  }).pipe(Effect.catch(({ error, status }) => Effect.succeed(json({ error, status, proxies: null }, status))))

const parsed = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  const text = yield* request.text.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.mebibytes(1)),
    Effect.catch(() => badBody("it could not be read, or is larger than 1 MiB")),
  )
  return yield* Effect.catch(
    Effect.try((): unknown => JSON.parse(text)),
    () => badBody(text === "" ? "EOF" : "it is no JSON"),
  )
})

const body: Effect.Effect<Json, ApiError, HttpServerRequest.HttpServerRequest> = Effect.flatMap(parsed, (value) =>
  isJson(value) ? Effect.succeed(value) : wrong("the body", "an object", value),
)

const json = (value: unknown, status = 200) => HttpServerResponse.jsonUnsafe(value, { status })
const refuse = (why: string) => HttpServerResponse.text(`${why}\n`, { status: 403 })
