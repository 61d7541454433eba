import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { eventually } from "./kit/eventually.ts"
import { frame } from "./kit/frames.ts"
import { connect, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"

const drained = (proxy: { readonly events: () => ReadonlyArray<{ readonly _tag: string }> }) => {
  const event = proxy.events().find(({ _tag }) => _tag === "Drained")
  assert.isDefined(event)
  return { closed: 0, cut: 0, ...event }
}

const many = (count: number, drainTimeout: "1 second" | "10 seconds") =>
  Effect.gen(function* () {
    const up = yield* upstream()
    const proxy = yield* proxied({ upstream: up.url, drainTimeout })
    const clients = yield* Effect.forEach(Array.from({ length: count }), () => connect(proxy.url))
    const peers = yield* Effect.forEach(clients, () => up.accepted)
    return { up, proxy, clients, peers }
  })

describe("draining", () => {
  it.live("delivers what was under way to a slow client before it says 1012", () =>
    Effect.gen(function* () {
      const { clients, peers, proxy } = yield* many(1, "10 seconds")
      const [client, peer] = [clients[0]!, peers[0]!]
      client.ws.pause()
      let sent = 0
      while (!proxy.rows("Session").some((row) => row._tag === "Session" && row.bufferedMessages > 0)) {
        yield* peer.send(Buffer.alloc(64 * 1024, sent++))
        yield* Effect.yieldNow
      }
      const closing = yield* Effect.forkChild(proxy.close)
      assert.strictEqual((yield* peer.closed).code, 1001)
      client.ws.resume()
      for (let at = 0; at < sent; at++) assert.strictEqual(((yield* client.next) as Buffer)[0], at % 256)
      assert.deepStrictEqual(yield* client.closed, { code: 1012, reason: "proxy is shutting down" })
      yield* Fiber.join(closing)
      const { closed, cut } = drained(proxy)
      assert.deepStrictEqual([closed, cut], [1, 0])
    }),
  )

  it.live("spreads the goodbyes over half of its time", () =>
    Effect.gen(function* () {
      const { clients, proxy } = yield* many(10, "1 second")
      const started = performance.now()
      const times = Effect.forEach(clients, (one) => Effect.map(one.closed, () => performance.now() - started), {
        concurrency: "unbounded",
      })
      const [took] = yield* Effect.all([times, proxy.close], { concurrency: 2 })
      const sorted = took.sort((a, b) => a - b)
      assert.isBelow(sorted[0]!, 100)
      assert.isAbove(sorted[9]!, 400)
      assert.isBelow(sorted[9]!, 900)
      assert.isAbove(sorted[5]!, 200)
    }),
  )

  it.live("is over as soon as everybody is gone", () =>
    Effect.gen(function* () {
      const { proxy } = yield* many(1, "10 seconds")
      const started = performance.now()
      yield* proxy.close
      assert.isBelow(performance.now() - started, 1000)
      const empty = yield* proxied({ upstream: "ws://127.0.0.1:9", drainTimeout: "10 seconds" })
      yield* empty.close
      assert.isBelow(performance.now() - started, 1000)
      const { closed, cut } = drained(empty)
      assert.deepStrictEqual([closed, cut], [0, 0])
    }),
  )

  it.live("cuts those that do not go, when its time is over, and counts them", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, drainTimeout: "300 millis" })
      // Raw peers never answer a goodbye.
      const joins = yield* Effect.forEach([1, 2], () => Effect.forkChild(Raw.joined(proxy.address)))
      const peers = [yield* Raw.accept(up), yield* Raw.accept(up)]
      const clients = yield* Effect.forEach(joins, Fiber.join)
      const started = performance.now()
      yield* proxy.close
      const took = performance.now() - started
      assert.isTrue(took > 290 && took < 1500, `${took}`)
      yield* Effect.all([...peers, ...clients].map(({ closed }) => closed))
      const { closed, cut } = drained(proxy)
      assert.deepStrictEqual([closed, cut], [0, 2])
    }),
  )

  it.live("tells an upstream the code of a client that leaves meanwhile, at once", () =>
    Effect.gen(function* () {
      const { clients, peers, proxy } = yield* many(4, "10 seconds")
      const closing = yield* Effect.forkChild(proxy.close)
      yield* clients[0]!.closed // the first goodbye; the others come seconds later
      clients[3]!.ws.close(4003, "my own")
      assert.deepStrictEqual(yield* peers[3]!.closed, { code: 4003, reason: "my own" })
      clients[2]!.ws.terminate()
      assert.deepStrictEqual(yield* peers[2]!.closed, { code: 1001, reason: "client gone" })
      peers[1]!.ws.close(4004)
      assert.strictEqual((yield* clients[1]!.closed).code, 4004)
      yield* Fiber.join(closing)
    }),
  )

  it.live("keeps passing messages in sessions whose turn has not come", () =>
    Effect.gen(function* () {
      const { clients, peers, proxy } = yield* many(3, "10 seconds")
      const closing = yield* Effect.forkChild(proxy.close)
      yield* clients[0]!.closed
      yield* clients[2]!.send("still here")
      assert.strictEqual(yield* peers[2]!.next, "still here")
      yield* peers[2]!.send("me too")
      assert.strictEqual(yield* clients[2]!.next, "me too")
      for (const client of clients) client.ws.close(1000)
      yield* Fiber.join(closing)
    }),
  )
})

describe("clients that come while the proxy drains", () => {
  it.live("find nobody listening, or a 503 if they had begun before", () =>
    Effect.gen(function* () {
      const { clients, proxy } = yield* many(2, "10 seconds")
      const begun = yield* Raw.dial(proxy.address)
      const request = Raw.upgradeRequest()
      begun.write(request.slice(0, 40))
      yield* Effect.scoped(connect(proxy.url)) // it has seen the beginning
      const closing = yield* Effect.forkChild(proxy.close)
      yield* clients[0]!.closed
      assert.strictEqual((yield* Effect.flip(connect(proxy.url))).status, 0)
      begun.write(request.slice(40))
      const answer = yield* Raw.answer(begun)
      assert.deepStrictEqual([answer.status, answer.header("retry-after")], [503, "1"])
      for (const client of clients) client.ws.close(1000)
      yield* Fiber.join(closing)
    }),
  )

  it.live("and those that wait for the upstream's answer are told 503, their dials end", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, drainTimeout: "10 seconds" })
      const waiting = yield* Effect.forkChild(Effect.flip(connect(proxy.url)))
      const peer = yield* up.accepted
      yield* Raw.head(peer)
      yield* proxy.close
      const { headers, status } = yield* Fiber.join(waiting)
      assert.deepStrictEqual([status, headers["retry-after"]], [503, "1"])
      yield* peer.closed
    }),
  )
})

describe("a closed proxy", () => {
  it.live("leaves no socket and no timer behind, whatever its sessions were doing", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const before = busy()
      yield* Effect.gen(function* () {
        const proxy = yield* proxied({ upstream: up.url, drainTimeout: "100 millis" })
        const join = Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(Raw.joined(proxy.address))
          const peer = yield* Raw.accept(up)
          return { client: yield* Fiber.join(fiber), peer }
        })
        const [idle, stalled, left, silent] = [yield* join, yield* join, yield* join, yield* Raw.dial(proxy.address)]
        stalled.client.socket.pause()
        const bytes = frame(Buffer.alloc(1024 * 1024), { opcode: 2, masked: false })
        for (let at = 0; at < 16; at++) stalled.peer.write(bytes)
        yield* eventually(() => proxy.rows("Session").some((row) => row._tag === "Session" && row.bufferedMessages > 0))
        left.client.reset()
        const dialling = yield* Raw.dial(proxy.address)
        dialling.write(Raw.upgradeRequest())
        yield* up.accepted
        yield* proxy.close
        yield* Effect.all([idle.client.closed, silent.closed, dialling.closed])
        stalled.client.socket.destroy() // it does not read, so it cannot see that it was cut
      }).pipe(Effect.scoped)
      yield* eventually(() => up.open() === 0)
      yield* eventually(() => busy() <= before)
    }),
  )
})

// What keeps a process alive: sockets and listeners.
const busy = () => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length
