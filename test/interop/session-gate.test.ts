import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { eventually } from "./kit/eventually.ts"
import { dial, proxying, resume, session } from "./kit/sessions.ts"

const gated = { upstreamHandshake: "first-message", backoff: Schedule.spaced("10 millis") } as const

describe("with the upstream's first message as a gate", () => {
  it.live("the client has its 101 at once, and what it says waits for that message, which is not passed on", () =>
    Effect.gen(function* () {
      const { client, peer, rows } = yield* session(gated)
      for (const text of ["one", "two"]) yield* client.send(text)
      const first = yield* Effect.forkChild(peer.next)
      yield* eventually(() => rows()[0]?.bufferedMessages === 2)
      assert.strictEqual(first.pollUnsafe(), undefined)
      yield* peer.send("RECONNECT info")
      assert.deepStrictEqual([yield* Fiber.join(first), yield* peer.next], ["one", "two"])
      yield* peer.send("second")
      assert.strictEqual(yield* client.next, "second")
      assert.notProperty(peer.http.headers, "x-reconnect")
    }),
  )

  it.live("a client that asks with `x-replay-id` sees it", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* proxying(gated)
      const client = yield* dial(proxy, { "x-replay-id": "r-1" })
      const peer = yield* up.accepted
      yield* peer.send("info")
      yield* peer.send("second")
      assert.deepStrictEqual([yield* client.next, yield* client.next], ["info", "second"])
      assert.strictEqual(peer.http.headers["x-replay-id"], "r-1")
    }),
  )

  it.live("an upstream that is dialled again hears it first, with `x-reconnect: true`, and then what was held", () =>
    Effect.gen(function* () {
      const { client, hold, is, peer, up } = yield* session(gated)
      yield* peer.send("info")
      yield* client.send("before")
      assert.strictEqual(yield* peer.next, "before")
      let last = peer
      for (let round = 0; round < 3; round++) {
        const release = yield* hold
        last.ws.terminate()
        yield* is("UpstreamAway")
        yield* client.send(`held ${round}`)
        release()
        last = yield* up.accepted
        assert.strictEqual(last.http.headers["x-reconnect"], "true")
        assert.deepStrictEqual([yield* last.next, yield* last.next], ["info", `held ${round}`])
      }
      yield* last.send("hello again")
      assert.strictEqual(yield* client.next, "hello again")
    }),
  )

  it.live("a binary one is kept as it is", () =>
    Effect.gen(function* () {
      const { client, peer, up } = yield* session(gated)
      const info = Buffer.from([0, 1, 2, 255])
      yield* peer.send(info)
      yield* client.send("go")
      assert.strictEqual(yield* peer.next, "go")
      peer.ws.terminate()
      const again = yield* up.accepted
      assert.deepStrictEqual(yield* again.next, info)
    }),
  )

  it.live("an upstream that greets every connection alike is understood: the client does not hear it again", () =>
    Effect.gen(function* () {
      const { client, peer, up } = yield* session(gated)
      yield* peer.send("hello")
      yield* peer.send("live")
      assert.strictEqual(yield* client.next, "live")
      peer.ws.terminate()
      const again = yield* up.accepted
      yield* again.send("hello")
      yield* again.send("live again")
      assert.strictEqual(yield* client.next, "live again")
    }),
  )

  it.live("one that does not come in time ends the session: 1014", () =>
    Effect.gen(function* () {
      const { client, empty, peer, proxy } = yield* session({ ...gated, gateTimeout: "200 millis" })
      yield* client.send("waits")
      assert.deepStrictEqual(yield* client.closed, {
        code: 1014,
        reason: "no first message from the upstream in time",
      })
      assert.deepStrictEqual(yield* peer.closed, { code: 1001, reason: "no first message in time" })
      yield* empty
      assert.strictEqual(proxy.metrics()['holdfast_messages_total{direction="up",outcome="lost"}'], 1)
    }),
  )

  it.live("one that came in time does not end anything later", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session({ ...gated, gateTimeout: "150 millis" })
      yield* peer.send("info")
      yield* Effect.sleep("300 millis") // twice that time
      yield* client.send("still here")
      assert.strictEqual(yield* peer.next, "still here")
    }),
  )

  it.live("an upstream that is lost before it is dialled again like a new one, and its first message is the gate", () =>
    Effect.gen(function* () {
      const { client, peer, up } = yield* session(gated)
      yield* client.send("early")
      peer.ws.terminate()
      const again = yield* up.accepted
      assert.notProperty(again.http.headers, "x-reconnect")
      const first = yield* Effect.forkChild(again.next)
      yield* again.send("info")
      assert.strictEqual(yield* Fiber.join(first), "early")
      yield* again.send("live")
      assert.strictEqual(yield* client.next, "live")
    }),
  )

  it.live("a client that comes back meanwhile finds it as it was: open if open, closed if closed", () =>
    Effect.gen(function* () {
      const { client, is, peer, proxy } = yield* session(gated)
      client.ws.terminate()
      yield* is("ClientAway")
      const back = yield* resume(proxy, client)
      yield* back.send("early")
      yield* peer.send("info")
      assert.strictEqual(yield* peer.next, "early")
      back.ws.terminate()
      yield* is("ClientAway")
      const again = yield* resume(proxy, back)
      yield* again.send("late")
      assert.strictEqual(yield* peer.next, "late")
    }),
  )
})
