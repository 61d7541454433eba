import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import type { Peer } from "./kit/peers.ts"
import { heard, session, talk } from "./kit/restartable.ts"

const compat = { compat: "ws-reconnect-proxy", backoff: Schedule.spaced("10 millis") } as const
const id = { "x-connection-id": "mine" }

const words = ["RECONNECT {}", 'RECONNECT {"reconnectId":"x"}', "RECONNECT ", "PROXY_RESTART"]
const bytes = (word: string) => Buffer.from(word)

const nearly = [
  "RECONNECTED ok",
  "RECONNECT",
  "RECONNECT\t{}",
  'RECONNECT{"reconnectId":"x"}',
  "reconnect {}",
  " RECONNECT {}",
  " PROXY_RESTART",
  "PROXY_RESTART\n",
  "PROXY_RESTART ",
  "PROXY_RESTARTED",
  "PROXY_RESTAR",
  "proxy_restart",
  "PROXY_LOCKED",
  "Service Restart",
  "",
  ...words.map(bytes),
]

const passes = Effect.fnUntraced(function* (from: Peer, to: Peer, messages: ReadonlyArray<string | Buffer>) {
  for (const message of messages) from.ws.send(message)
  for (const message of messages) assert.deepStrictEqual(yield* to.next, message)
})

describe("compat: words in the messages", () => {
  it.live("that are not exactly those of the proxy are payload, either way", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session(compat, id)
      yield* passes(peer, client, nearly)
      yield* passes(client, peer, nearly)
      assert.deepStrictEqual(yield* talk(client, peer), heard)
    }),
  )

  it.live("RECONNECT is only for the upstream to say", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session(compat, id)
      yield* passes(client, peer, ["RECONNECT {}", "RECONNECT "])
    }),
  )

  it.live("are all payload without compat, either way", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session({}, id)
      yield* passes(peer, client, [...nearly, ...words])
      yield* passes(client, peer, [...nearly, ...words])
      assert.deepStrictEqual(yield* talk(client, peer), heard)
    }),
  )

  it.live("that come in fragments are the same words", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session(compat, id)
      peer.ws.send("RECON", { fin: false })
      peer.ws.send("NECT {}", { fin: true })
      client.ws.send("PROXY_", { fin: false })
      client.ws.send("RESTART", { fin: true })
      assert.strictEqual(yield* client.next, "PROXY_LOCKED")
    }),
  )
})

describe("compat: what the upstream says behind RECONNECT", () => {
  it.live("is kept from the client, the newest is kept, and a re-dialled upstream hears it first, whatever it is", () =>
    Effect.gen(function* () {
      const { client, peer, turned, up } = yield* session(compat, id)
      const large = `RECONNECT ${"x".repeat(300_000)}`
      let now = peer
      for (const info of ["RECONNECT one", "RECONNECT ", large, 'RECONNECT {"reconnectId":7}', "RECONNECT ü≈😀"]) {
        yield* now.send("RECONNECT something older")
        yield* now.send(info)
        yield* now.send("payload")
        assert.strictEqual(yield* client.next, "payload")
        up.leave(1012, "Service Restart")
        yield* turned("UpstreamAway")
        yield* client.send("held")
        up.comeBack()
        now = yield* up.accepted
        assert.strictEqual(now.http.headers["x-reconnect"], "true")
        assert.strictEqual(now.http.headers["x-connection-id"], "mine")
        assert.deepStrictEqual([yield* now.next, yield* now.next], [info, "held"])
      }
    }),
  )

  it.live("counts as no message: what is sent and lost are the client's and the upstream's own", () =>
    Effect.gen(function* () {
      const { client, peer, proxy, up } = yield* session(compat, id)
      yield* peer.send("RECONNECT one")
      assert.deepStrictEqual(yield* talk(client, peer), heard)
      peer.ws.close(1012, "Service Restart")
      const again = yield* up.accepted
      assert.strictEqual(yield* again.next, "RECONNECT one")
      assert.deepStrictEqual(yield* talk(client, again), heard)
      for (const direction of ["up", "down"]) {
        const sent = proxy.metrics()[`holdfast_messages_total{direction="${direction}",outcome="sent"}`]
        assert.strictEqual(sent, 2, direction)
      }
    }),
  )

  it.live("when it never said it, a re-dialled upstream hears nothing but the client", () =>
    Effect.gen(function* () {
      const { client, peer, up } = yield* session(compat, id)
      yield* peer.send("RECONNECTED ok")
      assert.strictEqual(yield* client.next, "RECONNECTED ok")
      peer.ws.close(1012, "Service Restart")
      const again = yield* up.accepted
      assert.notProperty(again.http.headers, "x-reconnect")
      assert.deepStrictEqual(yield* talk(client, again), heard)
    }),
  )

  it.live("as its first message may be the gate, too", () =>
    Effect.gen(function* () {
      const { client, peer, up } = yield* session({ ...compat, upstreamHandshake: "first-message" }, id)
      yield* client.send("early")
      yield* peer.send("RECONNECT one")
      assert.strictEqual(yield* peer.next, "early")
      assert.deepStrictEqual(yield* talk(client, peer), heard)
      peer.ws.close(4000, "Service Restart")
      const again = yield* up.accepted
      assert.strictEqual(yield* again.next, "RECONNECT one")
      yield* again.send("RECONNECT one")
      assert.deepStrictEqual(yield* talk(client, again), heard)
    }),
  )

  it.live("while the client is away loses nothing, and lets the messages wait", () =>
    Effect.gen(function* () {
      const { client, peer, turned, resumed } = yield* session(compat, id)
      client.ws.terminate()
      yield* turned("ClientAway")
      for (const message of ["m0", "RECONNECT {}", "m1"]) yield* peer.send(message)
      const back = yield* resumed("mine")
      assert.deepStrictEqual([yield* back.next, yield* back.next], ["m0", "m1"])
      assert.deepStrictEqual(yield* talk(back, peer), heard)
    }),
  )
})
