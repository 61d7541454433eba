import { assert, describe, it } from "@effect/vitest"
import { Proxy } from "@holdfast/websocket"
import { Effect } from "effect"
import { eventually } from "./kit/eventually.ts"
import { connect, type Peer } from "./kit/peers.ts"
import { credentials, dial, proxying, refused, resume, session } from "./kit/sessions.ts"

const counted = (proxy: { metrics: () => Readonly<Record<string, number>> }, result: string) =>
  proxy.metrics()[`holdfast_session_resume_total{result="${result}"}`]

// The message that shows that a pair is one session, either way.
const talk = Effect.fnUntraced(function* (client: Peer, peer: Peer, word: string) {
  yield* client.send(`up ${word}`)
  assert.strictEqual(yield* peer.next, `up ${word}`)
  yield* peer.send(`down ${word}`)
  assert.strictEqual(yield* client.next, `down ${word}`)
})

describe("a client that vanished comes back with the id and the token of its 101", () => {
  it.live("and goes on with the same upstream, under the same id, with another token", () =>
    Effect.gen(function* () {
      const { client, is, peer, proxy, rows, up } = yield* session()
      yield* talk(client, peer, "one")
      client.ws.terminate()
      yield* is("ClientAway")
      const back = yield* resume(proxy, client)
      yield* talk(back, peer, "two")
      assert.strictEqual(back.http.headers["x-connection-id"], client.http.headers["x-connection-id"])
      assert.notStrictEqual(back.http.headers["x-resume-token"], client.http.headers["x-resume-token"])
      assert.strictEqual(up.server.clients.size, 1)
      assert.deepInclude(rows()[0], { state: "Active", resumes: 1 })
      assert.deepStrictEqual([counted(proxy, "resumed"), counted(proxy, "refused")], [1, 0])
    }),
  )

  it.live("after a goodbye with 1001 too, again and again", () =>
    Effect.gen(function* () {
      const { client, is, peer, proxy, rows } = yield* session()
      let last = client
      for (let round = 1; round <= 5; round++) {
        if (round % 2 === 0) last.ws.terminate()
        else last.ws.close(1001, "another page")
        yield* is("ClientAway")
        last = yield* resume(proxy, last)
        yield* talk(last, peer, `${round}`)
      }
      assert.strictEqual(rows()[0]?.resumes, 5)
    }),
  )

  it.live("under the id that it chose for itself, and which need not be the only one of that name", () =>
    Effect.gen(function* () {
      const { proxy, rows, up } = yield* proxying()
      const clients = [
        yield* dial(proxy, { "x-connection-id": "mine" }),
        yield* dial(proxy, { "x-connection-id": "mine" }),
      ]
      const peers = [yield* up.accepted, yield* up.accepted]
      for (const client of clients) client.ws.terminate()
      yield* eventually(() => rows().every(({ state }) => state === "ClientAway"))
      for (const at of [1, 0]) {
        const back = yield* resume(proxy, clients[at]!)
        yield* talk(back, peers[at]!, `${at}`)
      }
    }),
  )
})

describe("the token before the newest", () => {
  for (const [what, prove] of [
    ["message", (back: Peer) => back.send("here")],
    ["Pong", () => Effect.void], // the library answers by itself
  ] as const) {
    it.live(`is a 404 from the first ${what} on the new socket`, () =>
      Effect.gen(function* () {
        const { client, peer, proxy } = yield* session()
        const back = yield* resume(proxy, client)
        yield* prove(back)
        if (what === "message") assert.strictEqual(yield* peer.next, "here")
        else yield* Effect.callback<void>((done) => void back.ws.once("ping", () => done(Effect.void)))
        // The Pong is on its way when the next Ping is answered.
        yield* talk(back, peer, "settled")
        assert.strictEqual((yield* refused(proxy, credentials(client))).status, 404)
        yield* resume(proxy, back)
      }),
    )
  }

  it.live("is good as long as the new socket has not said a word: its answer may have been lost", () =>
    Effect.gen(function* () {
      const { client, peer, proxy } = yield* session()
      for (let round = 0; round < 6; round++) {
        const mute = yield* connect(proxy.url, [], { headers: credentials(client), autoPong: false })
        mute.ws.terminate()
      }
      yield* talk(yield* resume(proxy, client), peer, "at last")
    }),
  )
})

describe("whoever has not the right id and token", () => {
  it.live("is told the same 404, whatever is wrong with them, and the session does not notice", () =>
    Effect.gen(function* () {
      const { client, is, join, peer, proxy } = yield* session()
      const other = yield* join
      const over = yield* join
      over.client.ws.close(1000)
      yield* over.peer.closed
      client.ws.terminate()
      yield* eventually(() => proxy.rows("Session").length === 2)
      yield* is("ClientAway")
      const right = credentials(client)
      const { "x-reconnect-id": id, "x-resume-token": token } = right
      const tokens = [
        "",
        "wrong",
        `${token}x`,
        token.slice(1),
        token.toUpperCase(),
        "x".repeat(5000),
        "ä",
        `${token},${token}`,
      ]
      const wrong: ReadonlyArray<Record<string, string>> = [
        { "x-reconnect-id": id },
        { "x-resume-token": token },
        { "x-reconnect-id": "" },
        ...tokens.map((one) => ({ "x-reconnect-id": id, "x-resume-token": one })),
        ...["", "unknown", `${id} `.repeat(2), "x".repeat(5000)].map((one) => ({
          "x-reconnect-id": one,
          "x-resume-token": token,
        })),
        { "x-reconnect-id": credentials(other.client)["x-reconnect-id"], "x-resume-token": token },
        { ...credentials(other.client), "x-reconnect-id": id },
        credentials(over.client),
        { ...right, authorization: "Bearer somebody" },
        { ...right, origin: "https://elsewhere.example" },
      ]
      const answers = yield* Effect.forEach(wrong, (headers) => refused(proxy, headers))
      const [first] = answers
      assert.strictEqual(first?.status, 404)
      for (const { body, headers, status } of answers) {
        assert.deepStrictEqual([status, body], [404, first?.body])
        const { date: _, ...rest } = headers
        const { date: __, ...expected } = first!.headers
        assert.deepStrictEqual(rest, expected)
      }
      assert.strictEqual(counted(proxy, "refused"), wrong.length)
      yield* talk(yield* resume(proxy, client), peer, "still here")
    }),
  )

  it.live("in a mode in which clients cannot come back is told the same", () =>
    Effect.gen(function* () {
      const { client, peer, proxy } = yield* session({ mode: "sender" })
      assert.notProperty(client.http.headers, "x-resume-token")
      const id = `${client.http.headers["x-connection-id"]}`
      for (const headers of [{ "x-reconnect-id": id }, { "x-reconnect-id": id, "x-resume-token": "guess" }]) {
        assert.strictEqual((yield* refused(proxy, headers)).status, 404)
      }
      yield* talk(client, peer, "still here")
    }),
  )
})

describe("a resume is bound to who dialled first", () => {
  it.live("to the Authorization and the Origin of that dial", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* proxying()
      const first = { authorization: "Bearer one", origin: "https://page.example" }
      const client = yield* dial(proxy, first)
      const peer = yield* up.accepted
      const right = credentials(client)
      for (const wrong of [
        {},
        { authorization: first.authorization },
        { origin: first.origin },
        { ...first, authorization: "Bearer two" },
      ]) {
        assert.strictEqual((yield* refused(proxy, { ...right, ...wrong })).status, 404)
      }
      yield* talk(yield* dial(proxy, { ...right, ...first }), peer, "back")
    }),
  )

  it.live("to the principal that `authorize` finds, which may refuse it altogether", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* proxying({
        authorize: ({ headers: { "x-user": user } }) =>
          user === undefined ? Effect.fail(new Proxy.Rejected({ status: 401, why: "who?" })) : Effect.succeed(user),
      })
      const client = yield* dial(proxy, { "x-user": "ann" })
      const peer = yield* up.accepted
      const right = credentials(client)
      assert.strictEqual((yield* refused(proxy, { ...right, "x-user": "bob" })).status, 404)
      assert.strictEqual((yield* refused(proxy, right)).status, 401)
      yield* talk(yield* dial(proxy, { ...right, "x-user": "ann" }), peer, "back")
    }),
  )

  it.live("to the subprotocol, which it must offer again", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* proxying()
      const client = yield* connect(proxy.url, ["one"])
      const peer = yield* up.accepted
      assert.strictEqual((yield* refused(proxy, credentials(client))).status, 400)
      const back = yield* connect(proxy.url, ["two", "one"], { headers: credentials(client) })
      assert.strictEqual(back.ws.protocol, "one")
      yield* talk(back, peer, "back")
    }),
  )
})
