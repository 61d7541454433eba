import * as Net from "node:net"
import { assert, describe, it, vi } from "@effect/vitest"
import { Connectivity, Events } from "@holdfast/core"
import { Client } from "@holdfast/websocket"
import { Context, Duration, Effect, Exit, Fiber, Layer, Schedule, Scope } from "effect"
import { eventually } from "./kit/eventually.ts"
import { upstream } from "./kit/peers.ts"
import { restartable } from "./kit/restartable.ts"

const backoff = Schedule.spaced("20 millis")

/** A client with events of its own, and how to close it. */
const connected = Effect.fnUntraced(function* (options: Client.Options) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const layer = Client.layer({ backoff, ...options }).pipe(Layer.provideMerge(Events.layer()))
  const context = yield* Layer.buildWithScope(layer, scope)
  const client = Context.get(context, Client.Client)
  const events = (tag: string) =>
    Context.get(context, Events.Events)
      .history()
      .flatMap(({ event }) => (event._tag === tag ? [event] : []))
  return { client, events, is: Connectivity.waitFor(client, "Ready"), close: Scope.close(scope, Exit.void) }
})

describe("a server that says nothing", () => {
  for (const [heartbeat, kept] of [
    [Duration.infinity, true],
    [Duration.seconds(15), false],
  ] as const) {
    it.live(
      `is asked by the ${kept ? "operating system" : "client, and by it alone"} when the heartbeat is ${heartbeat}`,
      () =>
        Effect.gen(function* () {
          const up = yield* upstream()
          const asked = vi.spyOn(Net.Socket.prototype, "setKeepAlive")
          yield* Effect.addFinalizer(() => Effect.sync(() => asked.mockRestore()))
          const { is } = yield* connected({ url: up.url, heartbeat })
          yield* is
          const on = asked.mock.contexts.filter((socket) => (socket as Net.Socket).remotePort === up.port)
          assert.strictEqual(on.length, kept ? 1 : 0)
        }),
    )
  }
})

describe("a client and a plain ws server", () => {
  it.live("talk, text and binary, large and empty", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const { client } = yield* connected({ url: up.url, protocols: ["chat"], headers: { "x-key": "1" } })
      const peer = yield* up.accepted
      assert.deepStrictEqual([peer.ws.protocol, peer.http.headers["x-key"]], ["chat", "1"])
      const large = "ü".repeat(300_000)
      for (const text of ["one", "", large]) {
        yield* client.send(text)
        assert.strictEqual(yield* peer.next, text)
      }
      yield* client.send(new Uint8Array([1, 2, 3]))
      assert.deepStrictEqual(yield* peer.next, Buffer.from([1, 2, 3]))
      yield* peer.send(new Uint8Array([4, 5]))
      const [binary] = yield* client.receive
      assert.deepStrictEqual(Buffer.from(binary as Uint8Array), Buffer.from([4, 5]))
      yield* peer.send("ö")
      assert.deepStrictEqual(yield* client.receive, ["ö"])
    }),
  )

  it.live("meet again after the server was away, and what was sent meanwhile arrives behind the greeting", () =>
    Effect.gen(function* () {
      const up = yield* restartable
      const { client, events } = yield* connected({ url: up.url, onSession: (send) => send("hello") })
      const first = yield* up.accepted
      assert.strictEqual(yield* first.next, "hello")
      up.leave()
      yield* eventually(() => events("Lost").length === 1)
      for (let at = 1; at <= 100; at++) yield* client.send(`${at}`)
      up.comeBack()
      const second = yield* up.accepted
      assert.strictEqual(yield* second.next, "hello")
      for (let at = 1; at <= 100; at++) assert.strictEqual(yield* second.next, `${at}`)
    }),
  )

  it.live("part with 1000 when the scope closes, after all that waits", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const { client, close, events } = yield* connected({ url: up.url, buffer: { bytes: "4MiB" } })
      const peer = yield* up.accepted
      peer.ws.pause()
      const sending = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 40 }), () => client.send("x".repeat(500_000)), { discard: true }),
        { startImmediately: true },
      )
      yield* Effect.sleep(100)
      assert.isUndefined(sending.pollUnsafe())
      peer.ws.resume()
      yield* Fiber.join(sending)
      yield* close
      for (let at = 0; at < 40; at++) assert.strictEqual((yield* peer.next).length, 500_000)
      assert.deepStrictEqual(yield* peer.closed, { code: 1000, reason: "" })
      assert.deepStrictEqual([events("Uncertain"), events("Dropped")], [[], []])
    }),
  )

  it.live("are over when the server says so", () =>
    Effect.gen(function* () {
      const up = yield* restartable
      const { client } = yield* connected({ url: up.url })
      const peer = yield* up.accepted
      peer.ws.close(4403, "not you")
      const { reason } = yield* Effect.flip(client.receive)
      assert.deepInclude({ ...reason }, { code: 4403, reason: "not you" })
      yield* Connectivity.waitFor(client, "Shutdown")
      yield* Effect.sleep(200)
      assert.strictEqual(up.dials(), 1)
    }),
  )

  it.live("are over when the handshake is refused for good, and not when the server is busy", () =>
    Effect.gen(function* () {
      const statuses = [503, 429, 401]
      const up = yield* upstream({ verifyClient: (_, done) => done(false, statuses.shift() ?? 500, "no") })
      const { client } = yield* connected({ url: up.url })
      const { reason } = yield* Effect.flip(client.receive)
      assert.deepInclude({ ...reason }, { code: 4401 })
      assert.deepStrictEqual(statuses, [])
    }),
  )

  it.live("notice that the other has fallen silent", () =>
    Effect.gen(function* () {
      const up = yield* upstream({ autoPong: false })
      const { events } = yield* connected({ url: up.url, heartbeat: "100 millis", heartbeatTimeout: "100 millis" })
      yield* up.accepted
      yield* up.accepted
      assert.deepInclude({ ...events("Lost")[0] } as object, { reason: "keepalive" })
    }),
  )

  it.live("feel it when the client does not read", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const { client, is } = yield* connected({ url: up.url, buffer: { messages: 10 } })
      const peer = yield* up.accepted
      yield* is
      const text = "x".repeat(100_000)
      for (let at = 0; at < 200; at++) peer.ws.send(text)
      yield* Effect.sleep(300)
      assert.isAbove(peer.ws.bufferedAmount, 5_000_000)
      let heard = 0
      while (heard < 200) heard += (yield* client.receive).length
      assert.strictEqual(heard, 200)
    }),
  )
})
