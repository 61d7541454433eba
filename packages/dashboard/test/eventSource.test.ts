import { assert, describe, it } from "@effect/vitest"
import { Events } from "@holdfast/core"
import { AdminApi } from "@holdfast/dashboard"
import { Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as App from "./ask.ts"

describe("GET /api/events", () => {
  const emit = (n: number) =>
    Effect.map(Events.Events, (hub) => {
      for (let i = 0; i < n; i++) hub.emit(draining)
    })
  const draining = { _tag: "Draining", at: 5, program: "proxy", target: "", open: 2 }
  const piece = (id: number) =>
    `id: ${id}\nevent: Draining\ndata: {"_tag":"Draining","at":5,"program":"proxy","target":"","open":2}\n\n`
  const pieces = (n: number, more?: Record<string, string>) =>
    Effect.gen(function* () {
      const app = yield* App.open(AdminApi.layer())
      const response = yield* app.respond("/api/events", { headers: { host: "localhost", ...more } })
      return (yield* App.pieces(response).pipe(Stream.take(n), Stream.mkString)).split(/(?<=\n\n)/)
    })

  it.effect("is a stream of server-sent events that nobody may store or collect", () =>
    Effect.gen(function* () {
      const app = yield* App.open(AdminApi.layer())
      const { headers, status } = yield* app.respond("/api/events")
      assert.deepStrictEqual(
        [status, { ...headers }],
        [
          200,
          {
            "cache-control": "no-store",
            "content-type": "text/event-stream",
            "x-accel-buffering": "no",
            "x-content-type-options": "nosniff",
          },
        ],
      )
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("replays what the hub remembers, then sends what happens, with increasing ids", () =>
    Effect.gen(function* () {
      yield* emit(2)
      const reading = yield* Effect.forkChild(pieces(4))
      yield* TestClock.adjust("1 second")
      yield* emit(1)
      assert.deepStrictEqual(yield* Fiber.join(reading), [": connected\n\n", piece(1), piece(2), piece(3)])
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("replays the last 1,024 of a hub that remembers more", () =>
    Effect.gen(function* () {
      yield* emit(1500)
      const [, first, ...rest] = yield* pieces(1025)
      assert.strictEqual(first, piece(477))
      assert.strictEqual(rest.at(-1), piece(1500))
    }).pipe(Effect.provide(Events.layer({ capacity: 4000 }).pipe(Layer.provideMerge(App.registries)))),
  )

  it.effect("replays all of a hub that remembers less, and does not call that a lag", () =>
    Effect.gen(function* () {
      yield* emit(50)
      assert.deepStrictEqual(yield* pieces(3), [": connected\n\n", piece(49), piece(50)])
    }).pipe(Effect.provide(Events.layer({ capacity: 2 }).pipe(Layer.provideMerge(App.registries)))),
  )

  it.effect("sends only newer ones to a reader that gives its Last-Event-ID", () =>
    Effect.gen(function* () {
      yield* emit(5)
      assert.deepStrictEqual(yield* pieces(3, { "last-event-id": "3" }), [": connected\n\n", piece(4), piece(5)])
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("tells a reader that comes back too late how many it missed", () =>
    Effect.gen(function* () {
      yield* emit(10)
      const [, lagged, next] = yield* pieces(3, { "last-event-id": "3" })
      assert.strictEqual(
        lagged,
        'id: 8\nevent: Lagged\ndata: {"_tag":"Lagged","at":0,"program":"","target":"","missed":5}\n\n',
      )
      assert.strictEqual(next, piece(9))
    }).pipe(Effect.provide(Events.layer({ capacity: 2 }).pipe(Layer.provideMerge(App.registries)))),
  )

  it.effect("replays everything to an id it never gave", () =>
    Effect.gen(function* () {
      yield* emit(2)
      for (const id of ["900", "x", "-1", ""]) {
        assert.deepStrictEqual(yield* pieces(3, { "last-event-id": id }), [": connected\n\n", piece(1), piece(2)], id)
      }
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("sends a comment every 15 quiet seconds, and loses nothing around it", () =>
    Effect.gen(function* () {
      const reading = yield* Effect.forkChild(pieces(5))
      yield* TestClock.adjust("15 seconds")
      yield* emit(1)
      yield* TestClock.adjust("14 seconds")
      yield* emit(1)
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(yield* Fiber.join(reading), [
        ": connected\n\n",
        ": keep-alive\n\n",
        piece(1),
        piece(2),
        ": keep-alive\n\n",
      ])
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("keeps secrets, and stays valid with values JSON does not have", () =>
    Effect.gen(function* () {
      const hub = yield* Events.Events
      const event = { ...draining, _tag: "Odd", secret: Redacted.make("s3cret"), big: 7n, self: {} }
      event.self = event
      hub.emit(event)
      const [, odd = ""] = yield* pieces(2)
      assert.notInclude(odd, "s3cret")
      assert.include(JSON.parse(odd.split("data: ")[1] ?? ""), { _tag: "Odd", at: 5 })
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("follows 64 readers, refuses one more, and takes one again when one has left", () =>
    Effect.gen(function* () {
      const app = yield* App.open(AdminApi.layer())
      const status = Effect.map(app.respond("/api/events"), (response) => response.status)
      const readers = yield* Effect.forEach(Array.from({ length: 64 }), () =>
        Effect.flatMap(app.respond("/api/events"), (response) =>
          Effect.forkChild(Stream.runDrain(App.pieces(response)), { startImmediately: true }),
        ),
      )
      const refused = yield* app.ask("/api/events")
      assert.deepStrictEqual(
        [refused.status, refused.headers["retry-after"], JSON.parse(refused.body)],
        [503, "5", { error: "64 readers follow the events already; close one, then ask again" }],
      )
      yield* Fiber.interruptAll(readers.slice(0, 1))
      assert.strictEqual(yield* status, 200)
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("says so when there is no hub", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* pieces(1), [
        ": nothing will come: this program has no Events hub; provide Events.layer()\n\n",
      ])
    }).pipe(Effect.provide(App.registries)),
  )
})
