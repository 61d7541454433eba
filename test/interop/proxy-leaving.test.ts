import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { frame, opcode } from "./kit/frames.ts"
import { connect, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"

// One more request and its answer: the proxy has seen everything that was sent before.
const seen = Effect.fnUntraced(function* (address: string) {
  const client = yield* Raw.dial(address)
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  assert.strictEqual((yield* Raw.answer(client)).status, 426)
})

describe("a client that leaves before its answer", () => {
  const ways: Readonly<Record<string, (client: Raw.Raw) => void>> = {
    "with a FIN": (client) => void client.socket.end(),
    "with a reset": (client) => client.reset(),
    "with a FIN, after frames it could not wait to send": (client) => {
      client.write(frame("early"))
      client.socket.end()
    },
  }
  for (const [how, leave] of Object.entries(ways)) {
    it.live(`${how} takes its dial with it at once, and its place`, () =>
      Effect.gen(function* () {
        const up = yield* Raw.listen
        const proxy = yield* proxied({ upstream: up.url, maxSessions: 1, maxDials: 1 })
        const client = yield* Raw.dial(proxy.address)
        client.write(Raw.upgradeRequest())
        const peer = yield* up.accepted
        yield* Raw.head(peer)
        leave(client)
        yield* peer.closed
        yield* proxy.event("Failed")

        // Its place is free: the next client is dialled for, not refused.
        const next = yield* Effect.forkChild(connect(proxy.url))
        yield* Raw.accept(up)
        yield* Fiber.join(next)
        assert.strictEqual(up.count(), 2)
      }),
    )
  }

  it.live("while it queues for a dial never reaches the upstream", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, maxDials: 1 })
      const first = yield* Raw.dial(proxy.address)
      first.write(Raw.upgradeRequest({ first: "GET /first HTTP/1.1" }))
      const peer = yield* up.accepted
      const second = yield* Raw.dial(proxy.address)
      second.write(Raw.upgradeRequest({ first: "GET /second HTTP/1.1" }))
      const third = yield* Raw.dial(proxy.address)
      third.write(Raw.upgradeRequest({ first: "GET /third HTTP/1.1" }))
      yield* seen(proxy.address)
      second.reset()
      yield* seen(proxy.address)
      peer.write(Raw.switching(yield* Raw.head(peer)))
      const { request } = yield* Raw.accept(up)
      assert.include(request.first, "/third")
    }),
  )
})

describe("frames that a client sends right behind its request", () => {
  it.live("arrive in order, before and after the 101", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ upstream: up.url })
      const client = yield* Raw.dial(proxy.address)
      const early = Array.from({ length: 200 }, (_, at) => frame(`early ${at}`))
      client.write(Raw.upgradeRequest(), ...early)
      client.write(frame("a little later"))
      yield* Raw.head(client)
      client.write(frame("late"))
      const peer = yield* up.accepted
      for (let at = 0; at < 200; at++) assert.strictEqual(yield* peer.next, `early ${at}`)
      assert.strictEqual(yield* peer.next, "a little later")
      assert.strictEqual(yield* peer.next, "late")
      client.reset()
    }),
  )

  it.live("arrive even when they are more than is read before the answer", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url })
      const client = yield* Raw.dial(proxy.address)
      const large = (at: number) => Buffer.alloc(100_000, at)
      client.write(Raw.upgradeRequest(), ...Array.from({ length: 20 }, (_, at) => frame(large(at), { opcode: 2 })))
      const peer = yield* Raw.accept(up)
      for (let at = 0; at < 20; at++) assert.deepStrictEqual((yield* peer.frame).payload, large(at))
      client.reset()
    }),
  )

  it.live("and a goodbye behind them arrive, the goodbye last", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ upstream: up.url })
      const client = yield* Raw.dial(proxy.address)
      client.write(Raw.upgradeRequest(), frame("early"), frame(Buffer.from([0x0f, 0xa1]), { opcode: opcode.close }))
      const peer = yield* up.accepted
      assert.strictEqual(yield* peer.next, "early")
      assert.deepStrictEqual(yield* peer.closed, { code: 4001, reason: "" })
    }),
  )
})
