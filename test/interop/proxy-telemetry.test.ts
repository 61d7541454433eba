import { assert, describe, it } from "@effect/vitest"
import { Acceptor, Proxy } from "@holdfast/websocket"
import { Context, Effect, Fiber, Layer, Metric } from "effect"
import { eventually } from "./kit/eventually.ts"
import { connect, echo, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import { subset } from "./kit/subset.ts"

const about = (target: string) => ({ program: "proxy", target })

describe("the rows", () => {
  it.live("show the upstream as one link, each session, and the check of readiness", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ upstream: `${up.url}/base?secret=1`, drainTimeout: "10 seconds" })
      const link = { _tag: "Link", ...about(`${up.url}/base`) }
      assert.deepStrictEqual(proxy.rows("Link"), [
        { ...link, state: "Idle", refs: 0, attempts: 0, lastError: null } as never,
      ])
      const clients = [
        yield* connect(proxy.url, [], { headers: { "X-Connection-Id": "mine" } }),
        yield* connect(proxy.url),
      ]
      const peers = [yield* up.accepted, yield* up.accepted]
      assert.deepStrictEqual(proxy.rows("Link"), [
        { ...link, state: "Ready", refs: 2, attempts: 2, lastError: null } as never,
      ])
      const rest = { bufferedMessages: 0, bufferedBytes: 0, resumes: 0 }
      const open = { _tag: "Session", state: "Active", clientConnected: true, upstreamState: "Ready", ...rest }
      assert.deepStrictEqual(proxy.rows("Session"), [
        { ...open, id: "mine" } as never,
        { ...open, id: `${peers[1]!.http.headers["x-connection-id"]}` } as never,
      ])
      assert.deepStrictEqual(proxy.rows("Check"), [{ _tag: "Check", name: "proxy", ok: true, why: "" } as never])

      const closing = yield* Effect.forkChild(proxy.close)
      yield* clients[0]!.closed
      assert.deepStrictEqual(proxy.rows("Check"), [
        { _tag: "Check", name: "proxy", ok: false, why: "draining" } as never,
      ])
      clients[1]!.ws.close()
      yield* Fiber.join(closing)
      for (const tag of ["Link", "Session", "Check"] as const) assert.deepStrictEqual(proxy.rows(tag), [])
    }),
  )

  it.live("show why the last dial failed until one succeeds", () =>
    Effect.gen(function* () {
      let status = 503
      const up = yield* upstream({ verifyClient: (_, answer) => answer(status === 101, status) })
      const proxy = yield* proxied({ upstream: up.url })
      yield* Effect.flip(connect(proxy.url))
      const failed = { refs: 0, attempts: 1, state: "TransientFailure" }
      subset(proxy.rows("Link"), [{ ...failed, lastError: `${up.url} refused the WebSocket with status 503` }])
      status = 101
      const client = yield* connect(proxy.url)
      subset(proxy.rows("Link"), [{ refs: 1, attempts: 2, state: "Ready", lastError: null }])
      client.ws.close()
      yield* proxy.event("Lost")
      subset(proxy.rows("Link"), [{ refs: 0, attempts: 2, state: "Idle" }])
    }),
  )
})

describe("the metrics", () => {
  it.live("count messages, bytes, dials and losses; gauges fall back to 0; series go with the proxy", () =>
    Effect.gen(function* () {
      const up = yield* echo
      const proxy = yield* proxied({ upstream: up.url })
      const value = (series: string) => proxy.metrics()[series]
      const state = (name: string) => value(`holdfast_connection_state{state="${name}"}`)
      assert.deepStrictEqual([state("idle"), state("ready")], [0, 0])

      const client = yield* connect(proxy.url)
      for (const text of ["a", "bb", "ccc"]) client.ws.send(text)
      for (const text of ["a", "bb", "ccc"]) assert.strictEqual(yield* client.next, text)
      const open = () => [value('holdfast_open_connections{hop="client"}'), value("holdfast_open_connections{}")]
      assert.deepStrictEqual(open(), [1, 1])
      assert.deepStrictEqual([state("idle"), state("ready")], [0, 1])
      for (const direction of ["up", "down"]) {
        assert.strictEqual(value(`holdfast_messages_total{direction="${direction}",outcome="sent"}`), 3)
        assert.strictEqual(value(`holdfast_messages_total{direction="${direction}",outcome="lost"}`), 0)
        assert.strictEqual(value(`holdfast_bytes_total{direction="${direction}"}`), 6)
        assert.strictEqual(value(`holdfast_buffer_messages{direction="${direction}"}`), 0)
        assert.strictEqual(value(`holdfast_buffer_bytes{direction="${direction}"}`), 0)
      }
      client.ws.close(1000)
      yield* proxy.event("Lost")
      assert.deepStrictEqual(open(), [0, 0])
      assert.deepStrictEqual([state("idle"), state("ready")], [0, 0])
      assert.strictEqual(value('holdfast_messages_total{direction="up",outcome="sent"}'), 3)
      assert.strictEqual(value('holdfast_connection_attempts_total{result="ok"}'), 1)
      assert.strictEqual(value('holdfast_connect_duration_seconds{result="ok"}'), 1)
      assert.strictEqual(value('holdfast_disconnections_total{reason="local"}'), 1)
      assert.strictEqual(value("holdfast_connection_duration_seconds{}"), 1)

      const mute = Metric.snapshotUnsafe(proxy.context).filter(({ description }) => description === undefined)
      assert.deepStrictEqual(
        mute.map(({ id }) => id),
        [],
      )

      yield* proxy.close
      const left = Object.keys(proxy.metrics()).filter((series) => /open|state|messages|bytes/.test(series))
      assert.deepStrictEqual(left, [])
    }),
  )

  for (const [whom, options] of [
    ["a peer that vanished", { mode: "sender" }],
    ["a peer that did not come back in time", { linger: "50 millis" }],
  ] as const) {
    it.live(`count what was held for ${whom} as lost`, () =>
      Effect.gen(function* () {
        const up = yield* upstream()
        const proxy = yield* proxied({ upstream: up.url, ...options })
        const client = yield* connect(proxy.url)
        const peer = yield* up.accepted
        client.ws.pause()
        const message = Buffer.alloc(64 * 1024)
        while (proxy.metrics()['holdfast_buffer_messages{direction="down"}'] === 0) {
          yield* peer.send(message)
          yield* Effect.yieldNow
        }
        client.ws.terminate()
        yield* proxy.event("Lost")
        const value = (series: string) => proxy.metrics()[series] ?? Number.NaN
        yield* eventually(() => value('holdfast_messages_total{direction="down",outcome="lost"}') > 0)
        assert.strictEqual(value('holdfast_buffer_messages{direction="down"}'), 0)
        assert.strictEqual(value('holdfast_buffer_bytes{direction="down"}'), 0)
        const sent = value('holdfast_messages_total{direction="down",outcome="sent"}')
        const lost = value('holdfast_messages_total{direction="down",outcome="lost"}')
        assert.strictEqual((sent + lost) * message.length, value('holdfast_bytes_total{direction="down"}'))
      }),
    )
  }

  it.live("of two proxies in one program are told apart by their targets, and add up for the same one", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* echo, yield* echo]
      const first = yield* proxied({ upstream: one.url })
      const beside = (upstream: string) =>
        Layer.build(
          Proxy.layer({ upstream }).pipe(
            Layer.provideMerge(Acceptor.layer()),
            Layer.provide(Layer.succeedContext(first.context)),
          ),
        )
      const same = Context.get(yield* beside(one.url), Acceptor.Acceptor)
      const other = Context.get(yield* beside(two.url), Acceptor.Acceptor)
      yield* connect(first.url)
      yield* connect(`ws://${same.address}`)
      yield* connect(`ws://${other.address}`)
      const open = Metric.snapshotUnsafe(first.context).filter(
        ({ attributes, id }) => id === "holdfast_open_connections" && attributes?.["hop"] === "client",
      )
      assert.deepStrictEqual(
        open.map(({ attributes, state }) => [attributes?.["target"], "value" in state && state.value]),
        [
          [one.url, 2],
          [two.url, 1],
        ],
      )
    }),
  )
})
