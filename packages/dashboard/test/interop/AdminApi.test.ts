import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Events, Telemetry } from "@holdfast/core"
import { Dashboard } from "@holdfast/dashboard"
import { Effect, Layer, Logger, Schedule } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import * as http from "node:http"
import * as App from "../ask.ts"

const draining = { _tag: "Draining", at: 5, program: "proxy", target: "", open: 2 }

// The hub of the test, with the readers that wait in it counted.
let waiting = 0
const counted = Layer.effect(
  Events.Events,
  Effect.map(Events.Events, (hub) => ({
    ...hub,
    after: (id: number) =>
      Effect.acquireUseRelease(
        Effect.sync(() => waiting++),
        () => hub.after(id),
        () => Effect.sync(() => waiting--),
      ),
  })),
)

const server = (logs: Array<unknown> = []) =>
  HttpRouter.serve(Dashboard.layer(), { disableListenLog: true }).pipe(
    Layer.provideMerge(
      NodeHttpServer.layer(http.createServer, { host: "127.0.0.1", port: 0, gracefulShutdownTimeout: "100 millis" }),
    ),
    Layer.provide(Logger.layer([Logger.make(({ message }) => void logs.push(message))])),
    Layer.provideMerge(counted.pipe(Layer.provideMerge(App.world))),
  )

const port = Effect.map(HttpServer.HttpServer, ({ address }) => ("port" in address ? address.port : 0))

const ask = (port: number, path: string, options?: http.RequestOptions) =>
  Effect.callback<http.IncomingMessage>((resume) => {
    http.request({ host: "127.0.0.1", port, path, ...options }, (response) => resume(Effect.succeed(response))).end()
  })

/** What has come in so far, once it holds that text. */
const textWith = (response: http.IncomingMessage, wanted: string) => {
  let text = ""
  response.setEncoding("utf8").on("data", (piece: string) => void (text += piece))
  return Effect.suspend(() => (text.includes(wanted) ? Effect.succeed(text) : Effect.fail("not yet"))).pipe(
    Effect.retry(Schedule.spaced("5 millis")),
    Effect.timeout("5 seconds"),
  )
}

const readers = (count: number) =>
  Effect.suspend(() => (waiting === count ? Effect.void : Effect.fail(`${waiting} readers wait, not ${count}`))).pipe(
    Effect.retry(Schedule.spaced("5 millis").pipe(Schedule.upTo({ duration: "5 seconds" }))),
  )

describe("AdminApi on a socket", () => {
  it.live("streams events as they happen, and lets go of a reader that leaves", () =>
    Effect.gen(function* () {
      const at = yield* port
      const hub = yield* Events.Events
      const response = yield* ask(at, "/api/events")
      assert.strictEqual(response.headers["content-type"], "text/event-stream")
      const seen = textWith(response, "id: 1\n")
      yield* readers(1)
      hub.emit(draining)
      assert.strictEqual(yield* seen, `: connected\n\nid: 1\nevent: Draining\ndata: ${JSON.stringify(draining)}\n\n`)
      yield* readers(1)
      response.destroy()
      yield* readers(0)
    }).pipe(Effect.provide(server())),
  )

  it.live("lets go of its readers when the server stops", () =>
    Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const response = yield* ask(yield* port, "/api/events")
        response.on("error", () => {}).resume()
        yield* readers(1)
      }).pipe(Effect.provide(server()))
      yield* readers(0)
    }),
  )

  it.live("answers HEAD for the events without waiting for one", () =>
    Effect.gen(function* () {
      const response = yield* ask(yield* port, "/api/events", { method: "HEAD" })
      yield* Effect.callback<void>((resume) => {
        response.resume().once("end", () => resume(Effect.void))
      })
      assert.strictEqual(response.statusCode, 200)
      yield* readers(0)
    }).pipe(Effect.provide(server())),
  )

  it.live("logs refusals and buttons, not every scrape", () => {
    const logs: Array<unknown> = []
    return Effect.gen(function* () {
      yield* Telemetry.register({
        row: () => ({ _tag: "Check", name: "disk", ok: true, why: "" }),
        actions: { poke: Effect.void },
      })
      const at = yield* port
      for (const path of ["/metrics", "/livez", "/readyz", "/api/links"]) (yield* ask(at, path)).resume()
      assert.deepStrictEqual(logs, [])
      const headers = { "content-type": "application/json" }
      const pressed = yield* ask(at, "/api/probes/check/disk/poke", { method: "POST", headers })
      assert.strictEqual(pressed.resume().statusCode, 200)
      assert.lengthOf(logs, 1)
      const refused = yield* ask(at, "/metrics", { headers: { host: "evil.example" } })
      assert.strictEqual(refused.resume().statusCode, 403)
      assert.lengthOf(logs, 2)
    }).pipe(Effect.provide(server(logs)))
  })
})
