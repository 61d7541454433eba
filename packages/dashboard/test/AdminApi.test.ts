import { assert, describe, it } from "@effect/vitest"
import { Telemetry } from "@holdfast/core"
import { AdminApi } from "@holdfast/dashboard"
import { Deferred, Effect, Fiber, Layer, Ref } from "effect"
import { HttpRouter } from "effect/http"
import { TestClock } from "effect/testing"
import * as App from "./ask.ts"

const link = (target: string) =>
  ({ _tag: "Link", program: "proxy", target, state: "Ready", refs: 1, attempts: 2, lastError: null }) as const

const session = (id: string) =>
  ({
    _tag: "Session",
    id,
    state: "ClientAway",
    clientConnected: false,
    upstreamState: "Ready",
    bufferedMessages: 3,
    bufferedBytes: 120,
    resumes: 1,
  }) as const

const check = { _tag: "Check", name: "disk", ok: true, why: "" } as const

const live = (row: Telemetry.Row, actions?: Telemetry.Probe["actions"]) =>
  Telemetry.register({ row: () => row, actions })

const error = (why: string) => ({ error: why })

describe("GET /api/links", () => {
  it.effect("lists the links that are alive, oldest first, without the name of their kind", () =>
    Effect.gen(function* () {
      yield* live(link("prices"))
      yield* live(session("7f3a"))
      yield* live({ ...link("orders"), state: "TransientFailure", lastError: "refused" })
      const app = yield* App.open(AdminApi.layer())
      assert.deepStrictEqual(yield* app.json("/api/links"), [
        { program: "proxy", target: "prices", state: "Ready", refs: 1, attempts: 2, lastError: null },
        { program: "proxy", target: "orders", state: "TransientFailure", refs: 1, attempts: 2, lastError: "refused" },
      ])
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("reads the rows when asked, and forgets what has closed", () =>
    Effect.gen(function* () {
      const app = yield* App.open(AdminApi.layer())
      let refs = 1
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Telemetry.register({ row: () => ({ ...link("prices"), refs }) })
          refs = 7
          const { _tag: _, ...fields } = link("prices")
          assert.deepStrictEqual(yield* app.json("/api/links"), [{ ...fields, refs: 7 }])
        }),
      )
      assert.deepStrictEqual(yield* app.json("/api/links"), [])
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("shows the list it was provided with, whatever the server's is", () =>
    Effect.gen(function* () {
      const own = Telemetry.make()
      own.add({ row: () => link("elsewhere") })
      const app = yield* App.open(AdminApi.layer().pipe(Layer.provide(Layer.succeed(Telemetry.Telemetry, own))))
      const { _tag: _, ...fields } = link("elsewhere")
      assert.deepStrictEqual(yield* app.json("/api/links"), [fields])
    }).pipe(Effect.provide(App.world)),
  )
})

describe("GET /api/sessions", () => {
  const fields = {
    id: "7f3a",
    state: "ClientAway",
    clientConnected: false,
    upstreamState: "Ready",
    bufferedMessages: 3,
    bufferedBytes: 120,
    resumes: 1,
  }

  it.effect("lists the sessions that are alive", () =>
    Effect.gen(function* () {
      yield* live(session("7f3a"))
      yield* live(link("prices"))
      const app = yield* App.open(AdminApi.layer())
      assert.deepStrictEqual(yield* app.json("/api/sessions"), [fields])
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("shows one by its id", () =>
    Effect.gen(function* () {
      yield* live(session("other"))
      yield* live(session("7f3a"))
      const app = yield* App.open(AdminApi.layer())
      assert.deepStrictEqual(yield* app.json("/api/sessions/7f3a"), fields)
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("says 404 for a session that is not alive", () =>
    Effect.gen(function* () {
      const app = yield* App.open(AdminApi.layer())
      const answer = yield* app.ask("/api/sessions/7f3a")
      assert.strictEqual(answer.status, 404)
      assert.deepStrictEqual(
        JSON.parse(answer.body),
        error('no session is called "7f3a" now; GET /api/sessions lists what is alive'),
      )
    }).pipe(Effect.provide(App.world)),
  )
})

describe("GET /api/probes/:kind", () => {
  it.effect("lists whole rows of any kind, in any case", () =>
    Effect.gen(function* () {
      yield* live(link("prices"))
      yield* live(check)
      const app = yield* App.open(AdminApi.layer())
      assert.deepStrictEqual(yield* app.json("/api/probes/LINK"), [link("prices")])
      assert.deepStrictEqual(yield* app.json("/api/probes/check"), [check])
      assert.deepStrictEqual(yield* app.json("/api/probes/Session"), [])
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("says 404 and names the kinds for a kind that does not exist", () =>
    Effect.gen(function* () {
      const app = yield* App.open(AdminApi.layer())
      const answer = yield* app.ask("/api/probes/links")
      assert.strictEqual(answer.status, 404)
      assert.deepStrictEqual(
        JSON.parse(answer.body),
        error('there is no kind of probe called "links"; ask for one of Link, Session, Breaker, Check'),
      )
    }).pipe(Effect.provide(App.world)),
  )
})

describe("POST /api/probes/:kind/:id/:action", () => {
  it.effect("runs the action and says when it is done", () =>
    Effect.gen(function* () {
      const pressed = yield* Ref.make<ReadonlyArray<string>>([])
      const press = (name: string) => Ref.update(pressed, (names) => [...names, name])
      yield* live(link("prices"), { reconnect: press("prices") })
      yield* live(link("orders"), { reconnect: press("orders") })
      const app = yield* App.open(AdminApi.layer())
      const answer = yield* app.ask("/api/probes/link/orders/reconnect", App.button)
      assert.deepStrictEqual([answer.status, JSON.parse(answer.body)], [200, { state: "done", count: 1 }])
      assert.deepStrictEqual(yield* Ref.get(pressed), ["orders"])
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("finds a row by its id, else its target, else its name, escaped as in any URL", () =>
    Effect.gen(function* () {
      const actions = { poke: Effect.void }
      yield* live(session("7f3a"), actions)
      yield* live(link("grpc://127.0.0.1:50051"), actions)
      yield* live(check, actions)
      const app = yield* App.open(AdminApi.layer())
      for (const path of ["session/7f3a", `link/${encodeURIComponent("grpc://127.0.0.1:50051")}`, "check/disk"]) {
        assert.strictEqual((yield* app.ask(`/api/probes/${path}/poke`, App.button)).status, 200, path)
      }
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("runs it on everything of that kind and id", () =>
    Effect.gen(function* () {
      const count = yield* Ref.make(0)
      const reconnect = Ref.update(count, (n) => n + 1)
      yield* live(link("prices"), { reconnect })
      yield* live(link("prices"), { reconnect })
      yield* live(link("prices"))
      const app = yield* App.open(AdminApi.layer())
      assert.deepStrictEqual(yield* app.json("/api/probes/link/prices/reconnect", App.button), {
        state: "done",
        count: 2,
      })
      assert.strictEqual(yield* Ref.get(count), 2)
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("says 404 and what there is for an unknown kind, probe or action", () =>
    Effect.gen(function* () {
      yield* live(link("prices"), { reconnect: Effect.void, drain: Effect.void })
      yield* live(check)
      const app = yield* App.open(AdminApi.layer())
      const wrong = {
        "/api/probes/pool/prices/reconnect":
          'there is no kind of probe called "pool"; ask for one of Link, Session, Breaker, Check',
        "/api/probes/link/orders/reconnect": 'no link is called "orders" now; GET /api/probes/link lists what is alive',
        "/api/probes/link/prices/explode": 'there is no action called "explode" here; choose one of reconnect, drain',
        "/api/probes/link/prices/constructor":
          'there is no action called "constructor" here; choose one of reconnect, drain',
        "/api/probes/check/disk/reconnect": 'there is no action called "reconnect" here; it has none',
      }
      for (const [path, why] of Object.entries(wrong)) {
        const answer = yield* app.ask(path, App.button)
        assert.deepStrictEqual([answer.status, JSON.parse(answer.body)], [404, error(why)], path)
      }
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("says 202 for an action that takes longer than 5 seconds, which goes on, and runs it once", () =>
    Effect.gen(function* () {
      const starts = yield* Ref.make(0)
      const done = yield* Deferred.make<void>()
      const drain = Effect.andThen(
        Ref.update(starts, (n) => n + 1),
        Deferred.await(done),
      )
      yield* live(session("7f3a"), { drain })
      const app = yield* App.open(AdminApi.layer())
      const press = app.ask("/api/probes/session/7f3a/drain", App.button)
      const first = yield* Effect.forkChild(press)
      yield* TestClock.adjust("5 seconds")
      const slow = yield* Fiber.join(first)
      assert.deepStrictEqual([slow.status, JSON.parse(slow.body)], [202, { state: "running", count: 1 }])
      const second = yield* Effect.forkChild(app.json("/api/probes/Session/7f3a/drain", App.button))
      yield* TestClock.adjust("1 second")
      yield* Deferred.succeed(done, undefined)
      assert.deepStrictEqual(yield* Fiber.join(second), { state: "done", count: 1 })
      assert.strictEqual(yield* Ref.get(starts), 1)
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("finishes the action when the client leaves before it is done", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const finished = yield* Deferred.make<void>()
      yield* live(session("7f3a"), { drain: Effect.andThen(Deferred.await(go), Deferred.succeed(finished, undefined)) })
      const app = yield* App.open(AdminApi.layer())
      const asking = yield* Effect.forkChild(app.ask("/api/probes/session/7f3a/drain", App.button))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(asking)
      yield* Deferred.succeed(go, undefined)
      yield* Deferred.await(finished)
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("ends a running action with the layer", () =>
    Effect.gen(function* () {
      const stopped = yield* Deferred.make<void>()
      const drain = Effect.onInterrupt(Effect.never, () => Deferred.succeed(stopped, undefined))
      yield* live(session("7f3a"), { drain })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const app = yield* App.open(AdminApi.layer())
          const asking = yield* Effect.forkChild(app.ask("/api/probes/session/7f3a/drain", App.button))
          yield* TestClock.adjust("5 seconds")
          assert.strictEqual((yield* Fiber.join(asking)).status, 202)
        }),
      )
      yield* Deferred.await(stopped)
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("says 500 for an action with a defect", () =>
    Effect.gen(function* () {
      yield* live(session("7f3a"), { drain: Effect.die(new Error("a bug")) })
      const app = yield* App.open(AdminApi.layer())
      const answer = yield* app.ask("/api/probes/session/7f3a/drain", App.button)
      assert.deepStrictEqual(
        [answer.status, JSON.parse(answer.body)],
        [500, error("the action did not finish; the program's log says why")],
      )
    }).pipe(Effect.provide(App.world)),
  )
})

describe("anything else below /api", () => {
  it.effect("is a 404 that names the routes, for every method", () =>
    Effect.gen(function* () {
      const app = yield* App.open(AdminApi.layer())
      for (const method of ["GET", "PUT", "PATCH", "DELETE", "POST"]) {
        for (const path of ["/api", "/api/nothing", "/api/sessions/a/b"]) {
          const answer = yield* app.ask(path, { ...App.button, method })
          assert.deepStrictEqual(
            [answer.status, JSON.parse(answer.body)],
            [
              404,
              error(
                `there is no ${method} here; GET /api/links, /api/sessions, /api/sessions/:id, /api/probes/:kind or /api/events, ` +
                  "or POST /api/probes/:kind/:id/:action",
              ),
            ],
          )
        }
      }
      assert.strictEqual((yield* app.ask("/api/links", { ...App.button, method: "POST" })).status, 404)
    }).pipe(Effect.provide(App.world)),
  )

  it.effect("leaves HEAD to the route it is the head of", () =>
    Effect.gen(function* () {
      const app = yield* App.open(AdminApi.layer())
      assert.strictEqual((yield* app.ask("/api/links", { ...App.button, method: "HEAD" })).status, 200)
    }).pipe(Effect.provide(App.world)),
  )
})

describe("a row that cannot be read", () => {
  it.effect("is a 500 that points to the log, where the defect is", () =>
    Effect.gen(function* () {
      yield* Telemetry.register({
        row: () => {
          throw new Error("a bug")
        },
      })
      const app = yield* App.open(AdminApi.layer())
      const answer = yield* app.ask("/api/links")
      assert.deepStrictEqual(
        [answer.status, JSON.parse(answer.body)],
        [500, error("this could not be answered; the program's log says why")],
      )
    }).pipe(Effect.provide(App.world)),
  )
})

describe("below a prefix", () => {
  it.effect("answers there, and leaves the rest of /api to the app", () =>
    Effect.gen(function* () {
      const prefixed = Layer.effect(
        HttpRouter.HttpRouter,
        Effect.map(HttpRouter.HttpRouter, (router) => router.prefixed("/holdfast")),
      )
      const app = yield* App.open(AdminApi.layer().pipe(Layer.provide(prefixed)))
      assert.deepStrictEqual(yield* app.json("/holdfast/api/links"), [])
      assert.deepStrictEqual([(yield* app.ask("/api/links")).status, (yield* app.ask("/api/links")).body], [404, ""])
    }).pipe(Effect.provide(App.world)),
  )
})
