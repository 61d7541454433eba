import { assert, describe, it } from "@effect/vitest"
import { AdminApi, HealthRoutes, Prometheus } from "@holdfast/dashboard"
import { Effect, Exit, Layer, Redacted } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import * as App from "./ask.ts"

const everything = (options?: AdminApi.Options) =>
  Layer.mergeAll(AdminApi.layer(options), HealthRoutes.layer(options), Prometheus.layer(options))

const reads = [
  "/api/links",
  "/api/sessions",
  "/api/sessions/none",
  "/api/probes/link",
  "/api/nothing",
  "/metrics",
  "/livez",
  "/readyz",
]

const from = (host: string | undefined, more?: Record<string, string>) => ({
  headers: { ...(host === undefined ? {} : { host }), ...more },
})

const error = (why: string) => JSON.stringify({ error: why })

describe("the Host rule", () => {
  it.effect("answers localhost and loopback addresses with any port, in any case", () =>
    Effect.gen(function* () {
      const app = yield* App.open(everything())
      for (const host of [
        "localhost",
        "LOCALHOST:1",
        "127.0.0.1",
        "127.0.0.1:9464",
        "127.8.9.10:80",
        "[::1]",
        "[::1]:9464",
      ]) {
        assert.strictEqual((yield* app.ask("/api/links", from(host))).status, 200, host)
      }
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("refuses every other Host on every route and says why", () =>
    Effect.gen(function* () {
      const app = yield* App.open(everything())
      const refused = yield* app.ask("/api/links", from("evil.example:9464"))
      assert.deepStrictEqual(refused, {
        status: 403,
        headers: {
          "cache-control": "no-store",
          "content-type": "application/json",
          "content-length": `${refused.body.length}`,
          "x-content-type-options": "nosniff",
        },
        body: error(
          'the Host "evil.example:9464" is not answered, because a web page could reach this port by DNS rebinding; ' +
            "ask for localhost or a loopback address, or list the name in `hosts`",
        ),
      })
      for (const path of [...reads, "/api/events"]) {
        assert.strictEqual((yield* app.ask(path, from("evil.example"))).status, 403, path)
      }
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("refuses names that only look like loopback, and no Host at all", () =>
    Effect.gen(function* () {
      const app = yield* App.open(everything())
      const hosts = [
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "1127.0.0.1",
        "a@localhost",
        "[::1]x",
        "0.0.0.0",
        "",
      ]
      for (const host of [...hosts, undefined]) {
        assert.strictEqual((yield* app.ask("/livez", from(host))).status, 403, host)
      }
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("answers a listed name with every port, and a listed name and port as they are", () =>
    Effect.gen(function* () {
      const app = yield* App.open(everything({ hosts: ["Admin.Example", "other.example:9464"] }))
      const statuses = yield* Effect.forEach(
        ["admin.example", "ADMIN.example:1", "other.example:9464", "other.example", "other.example:1", "localhost"],
        (host) => Effect.map(app.ask("/metrics", from(host)), ({ status }) => status),
      )
      assert.deepStrictEqual(statuses, [200, 200, 200, 403, 403, 200])
    }).pipe(Effect.provide(App.world)),
  )

  it.effect('answers every Host, and none, when hosts is "any"', () =>
    Effect.gen(function* () {
      const app = yield* App.open(everything({ hosts: "any" }))
      assert.strictEqual((yield* app.ask("/livez", from("10.0.0.7:9464"))).status, 200)
      assert.strictEqual((yield* app.ask("/livez", from(undefined))).status, 200)
    }).pipe(Effect.provide(App.world)),
  )
})

describe("the token rule", () => {
  const token = Redacted.make("s3cret")

  it.effect("asks for the token on every route but /livez and /readyz", () =>
    Effect.gen(function* () {
      const app = yield* App.open(everything({ token }))
      for (const path of [...reads, "/api/events"]) {
        const expected = path === "/livez" || path === "/readyz" ? 200 : 401
        assert.strictEqual((yield* app.ask(path)).status, expected, path)
      }
      assert.strictEqual((yield* app.ask("/api/probes/link/a/reconnect", App.button)).status, 401)
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("says how to send the token, and never repeats one", () =>
    Effect.gen(function* () {
      const app = yield* App.open(everything({ token }))
      const refused = yield* app.ask("/metrics", from("localhost", { authorization: "Bearer wr0ng" }))
      assert.deepStrictEqual(refused, {
        status: 401,
        headers: {
          "cache-control": "no-store",
          "content-type": "application/json",
          "content-length": `${refused.body.length}`,
          "www-authenticate": "Bearer",
          "x-content-type-options": "nosniff",
        },
        body: error("this needs the token; send `Authorization: Bearer <token>`"),
      })
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("takes the whole token only, as a bearer", () =>
    Effect.gen(function* () {
      const app = yield* App.open(everything({ token }))
      const statuses = yield* Effect.forEach(
        ["Bearer s3cret", "bearer s3cret", "Bearer s3cre", "Bearer s3cret2", "Bearer ", "Basic s3cret", "s3cret"],
        (authorization) =>
          Effect.map(app.ask("/metrics", from("localhost", { authorization })), ({ status }) => status),
      )
      assert.deepStrictEqual(statuses, [200, 200, 401, 401, 401, 401, 401])
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("checks the Host before the token and the token before the body", () =>
    Effect.gen(function* () {
      const app = yield* App.open(everything({ token }))
      const post = { method: "POST", headers: { host: "evil.example" } }
      assert.strictEqual((yield* app.ask("/api/probes/link/a/b", post)).status, 403)
      assert.strictEqual(
        (yield* app.ask("/api/probes/link/a/b", { ...post, headers: { host: "localhost" } })).status,
        401,
      )
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("does not start with an empty token, which everyone would know", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(App.open(everything({ token: Redacted.make("") })))
      assert.isTrue(Exit.hasDies(exit))
    }).pipe(Effect.provide(App.world)),
  )
})

describe("the POST rule", () => {
  it.effect("takes application/json only, with any parameters", () =>
    Effect.gen(function* () {
      const app = yield* App.open(everything())
      const post = (type?: string) =>
        app.ask("/api/probes/link/none/reconnect", {
          method: "POST",
          headers: { host: "localhost", ...(type === undefined ? {} : { "content-type": type }) },
        })
      const types = [
        undefined,
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "text/plain; application/json",
      ]
      for (const type of types) assert.strictEqual((yield* post(type)).status, 415, type)
      for (const type of ["application/json", "Application/JSON; charset=utf-8", "application/json ;charset=utf-8"]) {
        assert.strictEqual((yield* post(type)).status, 404, type)
      }
      assert.strictEqual(
        (yield* post()).body,
        error("a POST needs `Content-Type: application/json`; send that header, the body may be empty"),
      )
    }).pipe(Effect.provide(App.world)),
  )
})

describe("every answer", () => {
  it.effect("is not stored and not sniffed, whatever its status", () =>
    Effect.gen(function* () {
      const app = yield* App.open(everything())
      for (const path of reads) {
        const { headers } = yield* app.ask(path)
        assert.deepStrictEqual(
          [headers["cache-control"], headers["x-content-type-options"]],
          ["no-store", "nosniff"],
          path,
        )
      }
    }).pipe(Effect.provide(App.world)),
  )
})

describe("the routes of the app beside it", () => {
  it.effect("keep their own rules for Host, token, POST and headers", () =>
    Effect.gen(function* () {
      const own = Layer.mergeAll(
        HttpRouter.add("GET", "/price", HttpServerResponse.text("1.08")),
        HttpRouter.add("POST", "/price", HttpServerResponse.text("set")),
        HttpRouter.add("GET", "/api/price", HttpServerResponse.text("1.09")),
      )
      const app = yield* App.open(Layer.merge(everything({ token: Redacted.make("s3cret") }), own))
      const asked = { headers: { host: "shop.example" } }
      const answers = [
        yield* app.ask("/price", asked),
        yield* app.ask("/price", { ...asked, method: "POST" }),
        yield* app.ask("/api/price", asked),
      ]
      const expected = (body: string) => ({
        status: 200,
        headers: { "content-type": "text/plain", "content-length": `${body.length}` },
        body,
      })
      assert.deepStrictEqual(answers, [expected("1.08"), expected("set"), expected("1.09")])
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("keep their own 404", () =>
    Effect.gen(function* () {
      const app = yield* App.open(everything())
      const missing = yield* app.ask("/nothing", { headers: { host: "shop.example" } })
      assert.deepStrictEqual([missing.status, missing.body], [404, ""])
    }).pipe(Effect.provide(App.world)),
  )
})
