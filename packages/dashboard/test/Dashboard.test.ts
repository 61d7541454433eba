import { assert, describe, it } from "@effect/vitest"
import { Events } from "@holdfast/core"
import { Dashboard } from "@holdfast/dashboard"
import { Effect, Layer, Redacted, Stream } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import * as App from "./ask.ts"

const token = Redacted.make("s3cret")
const draining = { _tag: "Draining", at: 5, program: "proxy", target: "", open: 2 }

// A route of an app that says what it did to whatever hub it was given.
const Shop = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const hub = yield* Events.Events
    const drain = Effect.sync(() => {
      hub.emit(draining)
      return HttpServerResponse.text("drained")
    })
    yield* router.add("GET", "/drain", drain)
  }),
)

const firstEvent = (app: App.App) =>
  app
    .respond("/api/events")
    .pipe(Effect.flatMap((response) => App.pieces(response).pipe(Stream.drop(1), Stream.take(1), Stream.mkString)))

describe("Dashboard.layer", () => {
  it.effect("is the API, health and metrics with one set of options", () =>
    Effect.gen(function* () {
      const app = yield* App.open(Dashboard.layer({ token, hosts: ["admin.example"], build: { version: "0.1.0" } }))
      const as = (authorization?: string) => ({
        headers: { host: "admin.example", ...(authorization === undefined ? {} : { authorization }) },
      })
      for (const path of ["/api/links", "/api/sessions", "/metrics"]) {
        assert.strictEqual((yield* app.ask(path, as())).status, 401, path)
        assert.strictEqual((yield* app.ask(path, as("Bearer s3cret"))).status, 200, path)
      }
      for (const path of ["/livez", "/readyz"]) assert.strictEqual((yield* app.ask(path, as())).status, 200, path)
      assert.include((yield* app.ask("/metrics", as("Bearer s3cret"))).body, 'version="0.1.0"')
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("brings a hub to what it is provided to, where there is none", () =>
    Effect.gen(function* () {
      const app = yield* App.open(Shop.pipe(Layer.provideMerge(Dashboard.layer())))
      yield* app.ask("/drain")
      assert.strictEqual(yield* firstEvent(app), `id: 1\nevent: Draining\ndata: ${JSON.stringify(draining)}\n\n`)
    }).pipe(Effect.provide(App.registries)),
  )

  it.effect("reads the hub that is there, and brings no other", () =>
    Effect.gen(function* () {
      const hub = yield* Events.Events
      hub.emit(draining)
      const app = yield* App.open(Shop.pipe(Layer.provideMerge(Dashboard.layer())))
      yield* app.ask("/drain")
      assert.strictEqual(hub.history().length, 2)
      assert.strictEqual(yield* firstEvent(app), `id: 1\nevent: Draining\ndata: ${JSON.stringify(draining)}\n\n`)
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("brings a hub of its own to each of two apps", () =>
    Effect.gen(function* () {
      const one = yield* App.open(Shop.pipe(Layer.provideMerge(Dashboard.layer())))
      const two = yield* App.open(Shop.pipe(Layer.provideMerge(Dashboard.layer())))
      yield* one.ask("/drain")
      yield* two.ask("/drain")
      assert.strictEqual(yield* firstEvent(two), yield* firstEvent(one))
    }).pipe(Effect.provide(App.registries)),
  )
})
