import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { eventually } from "./kit/eventually.ts"
import { closing, opcode, serverFrame } from "./kit/frames.ts"
import { connect } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"
import { credentials, heard, resume, session, sessionsOf, statusOf, talk } from "./kit/restartable.ts"

const compat = { compat: "ws-reconnect-proxy", backoff: Schedule.spaced("10 millis") } as const
const named = (id: string) => ({ "x-connection-id": id })
const back = (id: string) => ({ "x-reconnect-id": id })

describe("compat: a session is found by its id", () => {
  it.live("alone, again and again, and the newest connection wins", () =>
    Effect.gen(function* () {
      const { client, peer, proxy, resumed } = yield* session(compat, named("mine"))
      let before = client
      for (let time = 0; time < 3; time++) {
        const now = yield* resumed("mine")
        assert.deepStrictEqual(yield* before.closed, { code: 4409, reason: "session taken over" })
        assert.deepStrictEqual(yield* talk(now, peer), heard)
        before = now
      }
      assert.strictEqual(sessionsOf(proxy)[0]?.resumes, 3)
      assert.strictEqual(before.http.headers["x-connection-id"], "mine")
    }),
  )

  it.live("with its token too, and without compat only with that", () =>
    Effect.gen(function* () {
      const one = yield* session(compat, named("mine"))
      assert.deepStrictEqual(yield* talk(yield* resume(one.proxy.url, one.client), one.peer), heard)
      const two = yield* session({}, named("mine"))
      assert.strictEqual(yield* two.status(back("mine")), 404)
      assert.deepStrictEqual(yield* talk(yield* resume(two.proxy.url, two.client), two.peer), heard)
    }),
  )

  it.live("unless there is none: a 404 at once, for ids of sessions that are over too", () =>
    Effect.gen(function* () {
      const { client, peer, proxy, status } = yield* session({ ...compat, linger: "50 millis" }, named("mine"))
      for (const id of ["nobody", "", "Mine", "mine "]) assert.strictEqual(yield* status(back(`${id}x`)), 404)
      client.ws.close(1000)
      yield* peer.closed
      assert.strictEqual(yield* status(back("mine")), 404)
      assert.strictEqual(yield* status(credentials(client)), 404)
      yield* eventually(() => sessionsOf(proxy).length === 0)
    }),
  )
})

describe("compat: an id in use", () => {
  it.live("is a 409 on a fresh dial, whether its client is there or not, and is free again afterwards", () =>
    Effect.gen(function* () {
      const { client, join, peer, status, turned, up } = yield* session(
        { ...compat, linger: "100 millis" },
        named("mine"),
      )
      assert.strictEqual(yield* status(named("mine")), 409)
      assert.deepStrictEqual(yield* talk(client, peer), heard)
      client.ws.terminate()
      yield* turned("ClientAway")
      assert.deepStrictEqual([yield* status(named("mine")), up.dials()], [409, 1])
      yield* peer.closed
      const again = yield* join(named("mine"))
      assert.deepStrictEqual(yield* talk(again.client, again.peer), heard)
    }),
  )

  it.live("is one of a client that still waits for its answer, until that is a refusal", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, ...compat })
      const dial = connect(proxy.url, [], { headers: named("mine") })
      const first = yield* Effect.forkChild(Effect.flip(dial))
      const peer = yield* up.accepted
      assert.strictEqual((yield* Effect.flip(dial)).status, 409)
      peer.reset()
      assert.strictEqual((yield* Fiber.join(first)).status, 502)
      const second = yield* Effect.forkChild(dial)
      yield* Raw.accept(up)
      yield* Fiber.join(second)
    }),
  )

  it.live("is none without compat: everybody gets a session", () =>
    Effect.gen(function* () {
      const { client, join, peer } = yield* session({}, named("mine"))
      const other = yield* join(named("mine"))
      assert.deepStrictEqual(yield* talk(client, peer), heard)
      assert.deepStrictEqual(yield* talk(other.client, other.peer), heard)
    }),
  )
})

describe("compat: the id that the upstream gives", () => {
  for (const json of ['{"reconnectId":"given"}', '{"connectionId":"given"}', '{"a":[1,{}],"connectionId":"given"}']) {
    it.live(`names the session of a client without one: ${json}`, () =>
      Effect.gen(function* () {
        const { client, peer, status, resumed, turned } = yield* session(compat)
        yield* peer.send(`RECONNECT ${json}`)
        yield* peer.send("named")
        assert.strictEqual(yield* client.next, "named")
        assert.strictEqual(yield* status(named("given")), 409)
        client.ws.terminate()
        yield* turned("ClientAway")
        assert.deepStrictEqual(yield* talk(yield* resumed("given"), peer), heard)
      }),
    )
  }

  it.live("names nothing when it is no string in an object, and does no harm", () =>
    Effect.gen(function* () {
      const { client, peer, proxy, status } = yield* session(compat)
      const values = ["7", "null", "true", "[]", '["given"]', '{"id":"given"}', '""', '"given"']
      const infos = [
        ...values,
        ...values.map((value) => `{"reconnectId":${value}`),
        "{",
        "given",
        "\u0000",
        "[".repeat(50_000),
      ]
      const objects = values.filter((value) => value !== '"given"').map((value) => `{"reconnectId":${value}}`)
      for (const info of [
        ...infos,
        ...objects,
        `{"reconnectId":"${"x".repeat(100_000)}"}`,
        '{"__proto__":{"reconnectId":"given"}}',
      ]) {
        yield* peer.send(`RECONNECT ${info}`)
      }
      assert.deepStrictEqual(yield* talk(client, peer), heard)
      for (const id of ["given", "7", "null", "true", "x"]) assert.strictEqual(yield* status(back(id)), 404, id)
      assert.isBelow(JSON.stringify([proxy.rows("Session"), proxy.events()]).length, 2000)
    }),
  )

  it.live("does not take another session's id, nor its client's place", () =>
    Effect.gen(function* () {
      const { join, client, peer, resumed, turned } = yield* session(compat, named("mine"))
      const thief = yield* join()
      yield* thief.peer.send('RECONNECT {"reconnectId":"mine"}')
      assert.deepStrictEqual(yield* talk(thief.client, thief.peer), heard)
      client.ws.terminate()
      yield* turned("ClientAway")
      assert.deepStrictEqual(yield* talk(yield* resumed("mine"), peer), heard)
    }),
  )

  it.live("does not take the id of a client that still waits for its answer", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, ...compat })
      const dial = (headers: Readonly<Record<string, string>>) => Effect.forkChild(connect(proxy.url, [], { headers }))
      const thief = yield* dial({})
      const first = yield* Raw.accept(up)
      yield* Fiber.join(thief)
      const waiting = yield* dial(named("mine"))
      const second = yield* up.accepted
      const request = yield* Raw.head(second)
      first.write(serverFrame('RECONNECT {"reconnectId":"mine"}'), serverFrame("named"))
      assert.strictEqual(yield* (yield* Fiber.join(thief)).next, "named")
      second.write(Raw.switching(request))
      yield* Fiber.join(waiting)
      const again = yield* connect(proxy.url, [], { headers: back("mine") })
      first.write(serverFrame("of the first"))
      second.write(serverFrame("of the second"))
      assert.strictEqual(yield* again.next, "of the second")
    }),
  )

  it.live("names nothing when the client has one", () =>
    Effect.gen(function* () {
      const { client, join, peer, status, resumed } = yield* session(compat, named("mine"))
      yield* peer.send('RECONNECT {"reconnectId":"given"}')
      assert.deepStrictEqual(yield* talk(client, peer), heard)
      assert.strictEqual(yield* status(back("given")), 404)
      const other = yield* join(named("given"))
      assert.deepStrictEqual(yield* talk(other.client, other.peer), heard)
      assert.deepStrictEqual(yield* talk(yield* resumed("mine"), peer), heard)
    }),
  )

  it.live("is one: a session does not collect them", () =>
    Effect.gen(function* () {
      const { client, peer, status } = yield* session(compat)
      const ids = Array.from({ length: 20 }, (_, at) => `given-${at}`)
      for (const id of ids) yield* peer.send(`RECONNECT {"reconnectId":"${id}"}`)
      assert.deepStrictEqual(yield* talk(client, peer), heard)
      const answers = yield* Effect.forEach(ids, (id) => status(back(id)))
      assert.deepStrictEqual(answers.toSorted(), [101, ...ids.slice(1).map(() => 404)])
    }),
  )

  it.live("is free again when the session is over, even one given in its last moment", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, ...compat, linger: "50 millis" })
      const dialling = yield* Effect.forkChild(connect(proxy.url))
      const peer = yield* Raw.accept(up)
      ;(yield* Fiber.join(dialling)).ws.close(4001)
      while ((yield* peer.frame).opcode !== opcode.close);
      peer.write(serverFrame('RECONNECT {"reconnectId":"late"}'), serverFrame(closing(4001), { opcode: opcode.close }))
      peer.socket.end()
      yield* eventually(() => sessionsOf(proxy).length === 0)
      yield* Effect.forkChild(Raw.accept(up))
      assert.strictEqual(yield* statusOf(proxy.url, named("late")), 101)
    }),
  )
})
