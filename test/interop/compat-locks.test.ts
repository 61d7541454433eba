import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { eventually } from "./kit/eventually.ts"
import type { Peer } from "./kit/peers.ts"
import { lock } from "./kit/reconnectPeers.ts"
import { heard, session, sessionsOf, talk } from "./kit/restartable.ts"
import { KiB, MiB } from "./kit/sizes.ts"

const compat = { compat: "ws-reconnect-proxy", backoff: Schedule.spaced("10 millis") } as const
const marks = { bufferMessages: 16, bufferBytes: "256KiB" } as const
const id = { "x-connection-id": "mine" }

const locked = Effect.fnUntraced(function* (options: Parameters<typeof session>[0] = {}) {
  const all = yield* session({ ...compat, ...options }, id)
  const held = () => sessionsOf(all.proxy)[0]?.bufferedMessages
  return { ...all, held, holds: (messages: number) => eventually(() => held() === messages) }
})

const size = 64 * KiB
const count = 500 // 31 MiB: more than the buffers of four TCP sockets

const flood = (from: Peer) => {
  for (let at = 0; at < count; at++) from.ws.send(Buffer.alloc(size, at))
}

// Whoever floods waits, and what the proxy holds is what it may hold.
const bounded = Effect.fnUntraced(function* (from: Peer, { proxy }: Effect.Success<ReturnType<typeof locked>>) {
  let before = -1
  yield* eventually(() => {
    const now = from.ws.bufferedAmount
    const still = (sessionsOf(proxy)[0]?.bufferedBytes ?? 0) > 0 && now === before
    before = now
    return still
  })
  assert.isAbove(from.ws.bufferedAmount, 8 * MiB)
  const { bufferedBytes, bufferedMessages } = sessionsOf(proxy)[0]!
  assert.isAtMost(bufferedBytes, 256 * KiB + 2 * size)
  assert.isAtMost(bufferedMessages, 16 + 2)
})

const allArrive = Effect.fnUntraced(function* (to: Peer) {
  for (let at = 0; at < count; at++) {
    const message = yield* to.next
    assert.deepStrictEqual([message.length, message[0]], [size, at % 256])
  }
})

const firstText = Effect.fnUntraced(function* (to: Peer) {
  while (true) {
    const message = yield* to.next
    if (typeof message === "string") return message
  }
})

describe("compat: PROXY_RESTART of the client", () => {
  it.live("holds the upstream's messages back until the client is back; the client itself is heard", () =>
    Effect.gen(function* () {
      const { client, holds, peer, resumed } = yield* locked()
      assert.deepStrictEqual(yield* lock(client), [])
      yield* peer.send("a")
      yield* client.send("still heard")
      assert.strictEqual(yield* peer.next, "still heard")
      yield* peer.send("b")
      yield* holds(2)
      client.ws.close(1012, "restarting")
      yield* peer.send("c")
      yield* holds(3)
      const back = yield* resumed("mine")
      for (const message of ["a", "b", "c"]) assert.strictEqual(yield* back.next, message)
      assert.deepStrictEqual(yield* talk(back, peer), heard)
    }),
  )

  it.live("is answered each time, and undone by one RECONNECT of the upstream", () =>
    Effect.gen(function* () {
      const { client, holds, peer } = yield* locked()
      yield* lock(client)
      yield* lock(client)
      yield* peer.send("a")
      yield* holds(1)
      yield* peer.send("RECONNECT {}")
      assert.strictEqual(yield* client.next, "a")
      assert.deepStrictEqual(yield* talk(client, peer), heard)
    }),
  )

  it.live("makes a fast upstream wait at the marks, and nothing is lost", () =>
    Effect.gen(function* () {
      const running = yield* locked(marks)
      const { client, peer, resumed } = running
      yield* lock(client)
      flood(peer)
      yield* bounded(peer, running)
      client.ws.terminate()
      const back = yield* resumed("mine")
      yield* allArrive(back)
      assert.deepStrictEqual(yield* talk(back, peer), heard)
    }),
  )

  it.live("does not count the upstream dead for what it cannot say meanwhile", () =>
    Effect.gen(function* () {
      const beat = { heartbeat: "20 millis", heartbeatTimeout: "20 millis" } as const
      const running = yield* locked({ ...marks, ...beat })
      const { client, peer, resumed } = running
      yield* lock(client)
      flood(peer)
      yield* bounded(peer, running)
      let pings = 0
      client.ws.on("ping", () => pings++)
      yield* eventually(() => pings > 5)
      yield* allArrive(yield* resumed("mine"))
    }),
  )

  it.live("is answered also when the client is slow to read", () =>
    Effect.gen(function* () {
      const { client, held, peer } = yield* locked()
      client.ws.pause()
      flood(peer)
      yield* eventually(() => (held() ?? 0) > 0)
      client.ws.send("PROXY_RESTART")
      client.ws.send("behind it")
      assert.strictEqual(yield* peer.next, "behind it")
      client.ws.resume()
      assert.strictEqual(yield* firstText(client), "PROXY_LOCKED")
    }),
  )

  it.live("does not keep the session from ending", () =>
    Effect.gen(function* () {
      const { client, holds, join, peer, proxy } = yield* locked()
      const other = yield* join()
      for (const one of [{ client }, other]) yield* lock(one.client)
      yield* peer.send("held")
      yield* holds(1)
      peer.ws.close(4000, "bye")
      assert.deepStrictEqual(yield* client.closed, { code: 4000, reason: "bye" })
      assert.strictEqual(proxy.metrics()['holdfast_messages_total{direction="down",outcome="lost"}'], 1)
      yield* proxy.close
      assert.strictEqual((yield* other.client.closed).code, 1012)
    }),
  )
})

describe("compat: PROXY_RESTART of the upstream", () => {
  it.live("holds the client's messages back until the upstream is back; the upstream itself is heard", () =>
    Effect.gen(function* () {
      const { client, holds, peer, up } = yield* locked()
      yield* peer.send("RECONNECT {}")
      assert.deepStrictEqual(yield* lock(peer), [])
      yield* client.send("a")
      yield* peer.send("still heard")
      assert.strictEqual(yield* client.next, "still heard")
      yield* holds(1)
      up.leave(1000, "Service Restart")
      yield* client.send("b")
      yield* holds(2)
      up.comeBack()
      const again = yield* up.accepted
      for (const message of ["RECONNECT {}", "a", "b"]) assert.strictEqual(yield* again.next, message)
      assert.deepStrictEqual(yield* talk(client, again), heard)
    }),
  )

  it.live("is answered each time, and undone by one RECONNECT, but not by a client that comes back", () =>
    Effect.gen(function* () {
      const { client, holds, peer, resumed } = yield* locked()
      yield* lock(peer)
      yield* lock(peer)
      yield* client.send("a")
      yield* holds(1)
      const back = yield* resumed("mine")
      yield* back.send("b")
      yield* holds(2)
      yield* peer.send("RECONNECT {}")
      assert.deepStrictEqual([yield* peer.next, yield* peer.next], ["a", "b"])
      assert.deepStrictEqual(yield* talk(back, peer), heard)
    }),
  )

  it.live("makes a fast client wait at the marks, and nothing is lost", () =>
    Effect.gen(function* () {
      const running = yield* locked(marks)
      const { client, peer } = running
      yield* lock(peer)
      flood(client)
      yield* bounded(client, running)
      yield* peer.send("RECONNECT {}")
      yield* allArrive(peer)
      assert.deepStrictEqual(yield* talk(client, peer), heard)
    }),
  )

  it.live("is answered also when the upstream is slow to read", () =>
    Effect.gen(function* () {
      const { client, held, peer } = yield* locked()
      peer.ws.pause()
      flood(client)
      yield* eventually(() => (held() ?? 0) > 0)
      peer.ws.send("PROXY_RESTART")
      peer.ws.send("behind it")
      assert.strictEqual(yield* client.next, "behind it")
      peer.ws.resume()
      assert.strictEqual(yield* firstText(peer), "PROXY_LOCKED")
    }),
  )
})
