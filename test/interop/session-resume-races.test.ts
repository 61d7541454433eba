import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { eventually } from "./kit/eventually.ts"
import { serverFrame } from "./kit/frames.ts"
import type { Peer } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"
import { credentials, dial, proxying, refused, resume, session } from "./kit/sessions.ts"

describe("the newest connection of a client wins", () => {
  it.live("while the older one is still there, which gets 4409 and is not heard any more", () =>
    Effect.gen(function* () {
      const { client, peer, proxy, receipts, rows } = yield* session()
      const back = yield* resume(proxy, client)
      client.ws.send("from the grave")
      assert.deepStrictEqual(yield* client.closed, { code: 4409, reason: "session taken over" })
      yield* back.send("alive")
      assert.strictEqual(yield* peer.next, "alive")
      yield* peer.send("to you")
      assert.strictEqual(yield* back.next, "to you")
      assert.deepInclude(rows()[0], { state: "Active", resumes: 1 })
      assert.deepInclude(receipts()[0], { hop: "client", back: true, uncertain: 0 })
    }),
  )

  it.live("while the older one is half open: it never says another word, and reads nothing", () =>
    Effect.gen(function* () {
      const { proxy, rows, up } = yield* proxying()
      const dead = yield* Raw.dial(proxy.address)
      dead.write(Raw.upgradeRequest())
      const answer = yield* Raw.answer(dead)
      dead.socket.pause()
      const peer = yield* up.accepted
      yield* peer.send("perhaps lost")
      const headers = {
        "x-reconnect-id": `${answer.header("x-connection-id")}`,
        "x-resume-token": `${answer.header("x-resume-token")}`,
      }
      const back = yield* dial(proxy, headers)
      yield* peer.send("not lost")
      assert.strictEqual(yield* back.next, "not lost")
      assert.deepInclude(rows()[0], { state: "Active", clientConnected: true })
      dead.reset()
    }),
  )

  it.live(
    "of many that come at once, and each older one gets 4409 or the 404 of a token that is not good any more",
    () =>
      Effect.gen(function* () {
        const { client, peer, proxy, rows } = yield* session()
        const tries = Array.from({ length: 10 }, () => Effect.exit(resume(proxy, client)))
        const exits = yield* Effect.all(tries, { concurrency: "unbounded" })
        const backs = exits.flatMap((exit) => (Exit.isSuccess(exit) ? [exit.value] : []))
        assert.isAtLeast(backs.length, 1)
        const open = () => backs.filter(({ ws }) => ws.readyState === ws.OPEN)
        yield* eventually(() => open().length === 1)
        const [winner] = open() as [Peer]
        for (const loser of backs.filter((one) => one !== winner)) {
          assert.deepStrictEqual(yield* loser.closed, { code: 4409, reason: "session taken over" })
        }
        yield* winner.send("me")
        assert.strictEqual(yield* peer.next, "me")
        assert.deepInclude(rows()[0], { state: "Active" })
        yield* resume(proxy, winner)
      }),
  )

  it.live(
    "of two with the same token, also when the older one is let in only after that token is worth nothing any more",
    () =>
      Effect.gen(function* () {
        const slow = yield* Deferred.make<void>()
        const arrived = yield* Deferred.make<void>()
        const { client, peer, proxy } = yield* session({
          authorize: ({ headers }) =>
            Effect.as(
              headers["x-slow"] === undefined
                ? Effect.void
                : Effect.andThen(Deferred.succeed(arrived, undefined), Deferred.await(slow)),
              "ann",
            ),
        })
        const late = yield* Effect.forkChild(Effect.exit(dial(proxy, { ...credentials(client), "x-slow": "yes" })))
        yield* Deferred.await(arrived)
        const fast = yield* resume(proxy, client)
        yield* fast.send("settled")
        assert.strictEqual(yield* peer.next, "settled")
        // By now the token that the slow one showed is worth nothing any more.
        yield* Deferred.succeed(slow, undefined)
        const exit = yield* Fiber.join(late)
        assert.isTrue(Exit.isFailure(exit), "a token that is not good any more has let somebody in")
        yield* peer.send("still yours")
        assert.strictEqual(yield* fast.next, "still yours")
      }),
  )
})

describe("while the first handshake of a session is under way", () => {
  it.live("nobody can resume it: its token is not out yet, and its id alone opens nothing", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url })
      const first = yield* Effect.forkChild(dial(proxy, { "x-connection-id": "mine" }))
      const peer = yield* up.accepted
      const request = yield* Raw.head(peer)
      for (const headers of [{ "x-reconnect-id": "mine" }, { "x-reconnect-id": "mine", "x-resume-token": "guess" }]) {
        assert.strictEqual((yield* refused(proxy, headers)).status, 404)
      }
      peer.write(Raw.switching(request), serverFrame("hello"))
      const client = yield* Fiber.join(first)
      assert.strictEqual(yield* client.next, "hello")
    }),
  )

  it.live("its client may come back the moment it has its 101, before it has said a word", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* proxying()
      const client = yield* Raw.dial(proxy.address)
      client.write(Raw.upgradeRequest())
      const answer = yield* Raw.answer(client)
      const headers = {
        "x-reconnect-id": `${answer.header("x-connection-id")}`,
        "x-resume-token": `${answer.header("x-resume-token")}`,
      }
      const back = yield* dial(proxy, headers)
      const peer = yield* up.accepted
      yield* back.send("me again")
      assert.strictEqual(yield* peer.next, "me again")
    }),
  )
})

describe("a client that leaves while it is let in again", () => {
  it.live("has not used up its token, nor ended its session", () =>
    Effect.gen(function* () {
      const { client, is, peer, proxy } = yield* session()
      client.ws.terminate()
      yield* is("ClientAway")
      const lines = {
        "X-Reconnect-Id": credentials(client)["x-reconnect-id"],
        "X-Resume-Token": credentials(client)["x-resume-token"],
      }
      for (let at = 0; at < 10; at++) {
        const gone = yield* Raw.dial(proxy.address)
        gone.write(Raw.upgradeRequest({ headers: lines }))
        if (at % 2 === 0) gone.reset()
        else gone.socket.destroy()
      }
      const back = yield* resume(proxy, client)
      yield* back.send("made it")
      assert.strictEqual(yield* peer.next, "made it")
    }),
  )
})

describe("a session whose upstream is away", () => {
  it.live("takes its client back at once, and delivers what it says when the upstream is there again", () =>
    Effect.gen(function* () {
      const { client, hold, is, peer, proxy, up } = yield* session()
      const release = yield* hold
      client.ws.terminate()
      yield* is("ClientAway")
      peer.ws.terminate()
      const back = yield* resume(proxy, client)
      yield* is("UpstreamAway")
      yield* back.send("waiting")
      release()
      const again = yield* up.accepted
      assert.strictEqual(yield* again.next, "waiting")
    }),
  )
})
