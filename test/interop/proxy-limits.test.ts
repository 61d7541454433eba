import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { eventually } from "./kit/eventually.ts"
import { connect, type Refusal, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"

const refusedWith = ({ headers, status }: Refusal) => [status, headers["retry-after"]]

describe("as many sessions as are allowed", () => {
  it.live("are let in, the next is told 503 and when to come back", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ upstream: up.url, maxSessions: 2 })
      yield* connect(proxy.url)
      const second = yield* connect(proxy.url)
      assert.deepStrictEqual(refusedWith(yield* Effect.flip(connect(proxy.url))), [503, "1"])

      second.ws.close(1000)
      yield* proxy.event("Lost")
      yield* connect(proxy.url)
      assert.deepStrictEqual(refusedWith(yield* Effect.flip(connect(proxy.url))), [503, "1"])
      assert.strictEqual(up.server.clients.size, 2)
    }),
  )

  it.live("count those that are still dialling, and no more once the dial has failed", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, maxSessions: 1 })
      const first = yield* Effect.forkChild(Effect.flip(connect(proxy.url)))
      const peer = yield* up.accepted
      assert.deepStrictEqual(refusedWith(yield* Effect.flip(connect(proxy.url))), [503, "1"])
      peer.reset()
      assert.strictEqual((yield* Fiber.join(first)).status, 502)

      const second = yield* Effect.forkChild(connect(proxy.url))
      yield* Raw.accept(up)
      yield* Fiber.join(second)
    }),
  )

  it.live("is exact when everybody comes at once", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ upstream: up.url, maxSessions: 7 })
      const tries = Array.from({ length: 40 }, () => Effect.exit(connect(proxy.url)))
      const exits = yield* Effect.all(tries, { concurrency: "unbounded" })
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 7)
      assert.strictEqual(up.server.clients.size, 7)
    }),
  )

  it.live("are free again after many have come and gone in every way", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ upstream: up.url, maxSessions: 3 })
      for (let round = 0; round < 5; round++) {
        const scope = yield* Scope.make()
        const clients = yield* Effect.all([connect(proxy.url), connect(proxy.url), connect(proxy.url)], {
          concurrency: 3,
        }).pipe(Scope.provide(scope))
        const peers = [yield* up.accepted, yield* up.accepted, yield* up.accepted]
        clients[0].ws.terminate()
        clients[1].ws.close(4000)
        for (const peer of peers) peer.ws.close(4001)
        yield* Effect.all(clients.map((client) => client.closed))
        yield* Effect.all(peers.map((peer) => peer.closed))
        yield* Scope.close(scope, Exit.void)
        yield* eventually(() => proxy.rows("Session").length === 0)
      }
    }),
  )
})

describe("as many dials as are allowed", () => {
  it.live("run at a time, the others in their order", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, maxDials: 2 })
      const clients: Array<Raw.Raw> = []
      for (let at = 0; at < 6; at++) {
        const client = yield* Raw.dial(proxy.address)
        client.write(Raw.upgradeRequest({ first: `GET /${at} HTTP/1.1` }))
        clients.push(client)
        // A refusal on another connection shows that the proxy has seen this one.
        const probe = yield* Raw.dial(proxy.address)
        probe.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        yield* Raw.answer(probe)
      }
      const [first, second] = [yield* up.accepted, yield* up.accepted]
      assert.strictEqual(up.count(), 2)
      const order: Array<string> = []
      for (let peer = first, at = 0; at < 6; at++) {
        const request = yield* Raw.head(peer)
        order.push(request.first.split(" ")[1]!)
        // One is refused, one accepted: both free their place.
        peer.write(at % 2 === 0 ? "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n" : Raw.switching(request))
        if (at === 0) peer = second
        else if (at < 5) peer = yield* up.accepted
      }
      assert.deepStrictEqual(order, ["/0", "/1", "/2", "/3", "/4", "/5"])
      const statuses = yield* Effect.forEach(clients, (client) =>
        Effect.map(Raw.answer(client), ({ status }) => status),
      )
      assert.deepStrictEqual(statuses, [404, 101, 404, 101, 404, 101])
    }),
  )

  it.live("leave a client that waits too long for its turn with a 503, and one that dials too long with a 504", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, maxDials: 1, handshakeTimeout: "300 millis" })
      const first = yield* Effect.forkChild(Effect.flip(connect(proxy.url)))
      yield* up.accepted
      // Its turn comes when the first gives up, a moment before its own time is over at the latest.
      const refusals = yield* Effect.all([Effect.flip(connect(proxy.url)), Effect.flip(connect(proxy.url))], {
        concurrency: 2,
      })
      assert.strictEqual((yield* Fiber.join(first)).status, 504)
      for (const refusal of refusals) {
        if (refusal.status !== 504) assert.deepStrictEqual(refusedWith(refusal), [503, "1"])
      }
      assert.include(
        refusals.map(({ status }) => status),
        503,
      )
    }),
  )
})

describe("plain HTTP", () => {
  it.live("is told 426, and the upstream does not hear of it", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url })
      for (const first of ["GET / HTTP/1.1", "POST /a?b HTTP/1.1", "DELETE /x HTTP/1.1"]) {
        const client = yield* Raw.dial(proxy.address)
        client.write(`${first}\r\nHost: a\r\nContent-Length: 0\r\n\r\n`)
        const answer = yield* Raw.answer(client)
        assert.strictEqual(answer.status, 426)
        assert.strictEqual(answer.header("upgrade"), "websocket")
        assert.match(answer.header("connection") ?? "", /upgrade/i)
      }
      assert.strictEqual(up.count(), 0)
    }),
  )
})
