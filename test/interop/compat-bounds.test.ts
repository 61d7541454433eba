import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { connect } from "./kit/peers.ts"
import { heard, session, statusOf, talk } from "./kit/restartable.ts"

// What is weak about that proxy by nature stays weak under `compat`, within these bounds.

const compat = { compat: "ws-reconnect-proxy" } as const
const named = { "x-connection-id": "mine" }
const back = { "x-reconnect-id": "mine" }

describe("compat: who knows an id", () => {
  it.live("B6: has the session, but the client that loses it is told, and can take it back", () =>
    Effect.gen(function* () {
      const { client, peer, resumed } = yield* session(compat, named)
      const thief = yield* resumed("mine")
      assert.deepStrictEqual(yield* client.closed, { code: 4409, reason: "session taken over" })
      const owner = yield* resumed("mine")
      assert.deepStrictEqual(yield* thief.closed, { code: 4409, reason: "session taken over" })
      assert.deepStrictEqual(yield* talk(owner, peer), heard)
    }),
  )

  it.live("B6: does not have it as somebody else or from another site", () =>
    Effect.gen(function* () {
      const mine = { authorization: "Bearer mine", origin: "https://here.test" }
      const { client, peer, proxy, status } = yield* session(compat, { ...named, ...mine })
      for (const other of [{}, { ...mine, authorization: "Bearer other" }, { ...mine, origin: "https://there.test" }]) {
        assert.strictEqual(yield* status({ ...back, ...other }), 404)
      }
      assert.deepStrictEqual(yield* talk(client, peer), heard)
      const again = yield* connect(proxy.url, [], { headers: { ...back, ...mine } })
      assert.deepStrictEqual(yield* talk(again, peer), heard)
    }),
  )

  it.live("B6: does not have it as another principal", () =>
    Effect.gen(function* () {
      const authorize = ({ headers }: { readonly headers: Readonly<Record<string, string>> }) =>
        Effect.succeed(headers["x-user"] ?? "")
      const { client, peer, status } = yield* session({ ...compat, authorize }, { ...named, "x-user": "me" })
      assert.strictEqual(yield* status({ ...back, "x-user": "you" }), 404)
      assert.deepStrictEqual(yield* talk(client, peer), heard)
    }),
  )

  it.live(
    "B6: may not guess it for long: from 50 wrong ones on nothing is looked up but ten a second, the right one neither",
    () =>
      Effect.gen(function* () {
        const { peer, proxy, resumed } = yield* session(compat, named)
        const guesses = Array.from({ length: 150 }, (_, at) => ({ "x-reconnect-id": `guess-${at}` }))
        const answers = yield* Effect.forEach(guesses, (guess) => statusOf(proxy.url, guess), { concurrency: 10 })
        assert.deepStrictEqual([...new Set(answers)].toSorted(), [404, 429])
        assert.isAtLeast(answers.filter((status) => status === 404).length, 50)
        assert.strictEqual(yield* statusOf(proxy.url, { "x-reconnect-id": "mine" }), 429)
        const later = yield* Effect.eventually(resumed("mine"))
        assert.deepStrictEqual(yield* talk(later, peer), heard)
      }),
  )

  it.live("B5: and an old socket that dies late ends nothing", () =>
    Effect.gen(function* () {
      const { client, lingered, peer, resumed } = yield* session({ ...compat, linger: "80 millis" }, named)
      client.ws.pause() // it does not see that it was replaced
      const now = yield* resumed("mine")
      assert.deepStrictEqual(yield* talk(now, peer), heard)
      client.ws.terminate()
      yield* lingered
      assert.deepStrictEqual(yield* talk(now, peer), heard)
    }),
  )

  it.live("B7: does not get a second session of it, nor cuts the first one off", () =>
    Effect.gen(function* () {
      const { client, peer, resumed, status, turned } = yield* session(compat, named)
      assert.strictEqual(yield* status(named), 409)
      client.ws.terminate()
      yield* turned("ClientAway")
      assert.strictEqual(yield* status(named), 409)
      assert.deepStrictEqual(yield* talk(yield* resumed("mine"), peer), heard)
    }),
  )
})

describe("compat: the words in the messages", () => {
  it.live("B12: of a client that may do harm with them are two: it only holds back what is its own", () =>
    Effect.gen(function* () {
      const { client, join, peer } = yield* session(compat, named)
      const other = yield* join()
      yield* client.send("PROXY_RESTART")
      assert.strictEqual(yield* client.next, "PROXY_LOCKED")
      yield* peer.send("PROXY_RESTART")
      assert.strictEqual(yield* peer.next, "PROXY_LOCKED")
      assert.deepStrictEqual(yield* talk(other.client, other.peer), heard)
    }),
  )
})
