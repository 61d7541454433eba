import { assert, describe, it } from "@effect/vitest"
import { Proxy } from "@holdfast/websocket"
import { Effect, Exit, Fiber, Schedule } from "effect"
import * as Raw from "./kit/raw.ts"
import { proxied } from "./kit/proxied.ts"
import { credentials, dial, proxying, refused } from "./kit/sessions.ts"

const backoff = Schedule.spaced("10 millis")
const receiver = { mode: "receiver", perConnection: true, backoff } as const
const mine = { "x-connection-id": "mine" }

describe("one upstream per connection id", () => {
  it.live("is dialled by the first client of that id, with its path and headers", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* proxying(receiver)
      const client = yield* dial(proxy, { ...mine, "x-mine": "yes" }, "/room?a=1")
      const peer = yield* up.accepted
      assert.strictEqual(peer.http.url, "/room?a=1")
      assert.deepInclude(peer.http.headers, { "x-mine": "yes", "x-connection-id": "mine" })
      assert.strictEqual(client.http.headers["x-connection-id"], "mine")
      yield* dial(proxy, { "x-connection-id": "other" })
      yield* up.accepted
      assert.strictEqual(up.server.clients.size, 2)
    }),
  )

  it.live("takes in later clients of the id that show its token: live messages to all, anybody may send", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* proxying(receiver)
      const first = yield* dial(proxy, mine)
      const peer = yield* up.accepted
      const { "x-resume-token": token } = credentials(first)
      const second = yield* dial(proxy, { ...mine, "x-resume-token": token })
      const third = yield* dial(proxy, credentials(first))
      yield* peer.send("to all")
      for (const client of [first, second, third]) assert.strictEqual(yield* client.next, "to all")
      for (const client of [first, second, third]) {
        yield* client.send("from one")
        assert.strictEqual(yield* peer.next, "from one")
      }
      assert.strictEqual(up.server.clients.size, 1)
    }),
  )

  it.live("is opened to nobody without its token, neither by its id nor with another's token: the same 404", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* proxying(receiver)
      const first = yield* dial(proxy, mine)
      const peer = yield* up.accepted
      const other = yield* dial(proxy, { "x-connection-id": "other" })
      const answers = yield* Effect.forEach(
        [
          mine,
          { "x-reconnect-id": "mine" },
          { ...mine, "x-resume-token": "guess" },
          { "x-reconnect-id": "mine", "x-resume-token": "guess" },
          { ...mine, "x-resume-token": credentials(other)["x-resume-token"] },
          { "x-connection-id": "unknown", "x-resume-token": credentials(first)["x-resume-token"] },
          { "x-reconnect-id": "unknown" },
        ],
        (headers) => refused(proxy, headers),
      )
      for (const { body, status } of answers) assert.deepStrictEqual([status, body], [404, answers[0]!.body])
      yield* peer.send("to one")
      assert.strictEqual(yield* first.next, "to one")
    }),
  )

  it.live("is opened by its id alone where ids are trusted, but to no other principal", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* proxying({
        ...receiver,
        trustConnectionId: true,
        authorize: ({ headers: { "x-user": user } }) =>
          user === undefined ? Effect.fail(new Proxy.Rejected({ status: 401, why: "who?" })) : Effect.succeed(user),
      })
      const first = yield* dial(proxy, { ...mine, "x-user": "ann" })
      const peer = yield* up.accepted
      const second = yield* dial(proxy, { ...mine, "x-user": "ann" })
      yield* peer.send("to both")
      for (const client of [first, second]) assert.strictEqual(yield* client.next, "to both")
      assert.strictEqual((yield* refused(proxy, { ...mine, "x-user": "bob" })).status, 404)
      assert.strictEqual((yield* refused(proxy, mine)).status, 401)
    }),
  )

  for (const [who, trust, expected] of [
    ["where ids are trusted all join the first", true, 5],
    ["otherwise only the first is let in", false, 1],
  ] as const) {
    it.live(`of clients that come at once with a new id makes one dial: ${who}`, () =>
      Effect.gen(function* () {
        const up = yield* Raw.listen
        const proxy = yield* proxied({ ...receiver, upstream: up.url, trustConnectionId: trust })
        const tries = yield* Effect.forEach([1, 2, 3, 4, 5], () => Effect.forkChild(Effect.exit(dial(proxy, mine))))
        yield* Raw.accept(up)
        const exits = yield* Effect.forEach(tries, Fiber.join)
        assert.strictEqual(exits.filter(Exit.isSuccess).length, expected)
        assert.strictEqual(up.count(), 1)
      }),
    )
  }

  it.live("stays until it ends, however its clients leave; the backlog goes to the next one, once", () =>
    Effect.gen(function* () {
      const { empty, is, proxy, up } = yield* proxying(receiver)
      const first = yield* dial(proxy, mine)
      const peer = yield* up.accepted
      const shown = { ...mine, "x-resume-token": credentials(first)["x-resume-token"] }
      for (const leave of [() => first.ws.close(1000), () => {}] as const) {
        leave()
        yield* is("ClientAway")
        yield* peer.send("held")
        const next = yield* dial(proxy, shown)
        assert.strictEqual(yield* next.next, "held")
        next.ws.terminate()
      }
      peer.ws.close(4001)
      yield* empty
      assert.strictEqual((yield* refused(proxy, shown)).status, 404)
    }),
  )

  it.live("that ends while its clients are there tells them all, and its id is free again", () =>
    Effect.gen(function* () {
      const { empty, proxy, up } = yield* proxying(receiver)
      const first = yield* dial(proxy, mine)
      const peer = yield* up.accepted
      const second = yield* dial(proxy, credentials(first))
      peer.ws.close(4001, "over")
      for (const client of [first, second]) assert.deepStrictEqual(yield* client.closed, { code: 4001, reason: "over" })
      yield* empty
      yield* dial(proxy, mine)
      yield* up.accepted
    }),
  )

  it.live("that is lost is dialled again, and everybody hears it", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* proxying(receiver)
      const first = yield* dial(proxy, mine)
      const peer = yield* up.accepted
      const second = yield* dial(proxy, credentials(first))
      peer.ws.terminate()
      const again = yield* up.accepted
      yield* again.send("back")
      for (const client of [first, second]) assert.strictEqual(yield* client.next, "back")
    }),
  )
})
