import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { connect, echo, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"

describe("the proxy's handshake", () => {
  it.live("gives the client the upstream's own answer", () =>
    Effect.gen(function* () {
      const up = yield* upstream({ handleProtocols: () => "two" })
      up.server.on("headers", (lines) => lines.push("Set-Cookie: a=1", "Set-Cookie: b=2", "X-Real: yes"))
      const proxy = yield* proxied({ upstream: `${up.url}/base?k=v` })

      const client = yield* connect(`${proxy.url}/a%20b/c?x={1}|`, ["one", "two"])
      const { http } = yield* up.accepted

      assert.strictEqual(client.ws.protocol, "two")
      assert.deepStrictEqual(client.http.headers["set-cookie"], ["a=1", "b=2"])
      assert.strictEqual(client.http.headers["x-real"], "yes")
      assert.strictEqual(http.url, "/base/a%20b/c?x={1}|")
      assert.strictEqual(http.headers["sec-websocket-protocol"], "one, two")
      assert.strictEqual(http.headers["x-connection-id"], client.http.headers["x-connection-id"])
    }),
  )

  it.live("passes a refusal of the upstream as it is, body and headers included", () =>
    Effect.gen(function* () {
      const up = yield* upstream({
        verifyClient: (_, answer) => answer(false, 401, "who are you", { "WWW-Authenticate": 'Bearer realm="x"' }),
      })
      const proxy = yield* proxied({ upstream: up.url })

      const refusal = yield* Effect.flip(connect(proxy.url))

      assert.strictEqual(refusal.status, 401)
      assert.strictEqual(refusal.body, "who are you")
      assert.strictEqual(refusal.headers["www-authenticate"], 'Bearer realm="x"')
    }),
  )

  it.live("echoes text as text and binary as binary", () =>
    Effect.gen(function* () {
      const up = yield* echo
      const proxy = yield* proxied({ upstream: up.url })
      const client = yield* connect(proxy.url)

      yield* client.send("höl≈")
      assert.strictEqual(yield* client.next, "höl≈")
      yield* client.send(Buffer.from([0, 255, 1]))
      assert.deepStrictEqual(yield* client.next, Buffer.from([0, 255, 1]))
      yield* client.send("")
      assert.strictEqual(yield* client.next, "")
    }),
  )

  it.live("closes sessions with 1012 and upstreams with 1001 when it shuts down", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ upstream: up.url })
      const client = yield* connect(proxy.url)
      const peer = yield* up.accepted

      yield* proxy.close

      assert.strictEqual((yield* client.closed).code, 1012)
      assert.strictEqual((yield* peer.closed).code, 1001)
      assert.deepStrictEqual(
        proxy.events().map((event) => event._tag),
        ["Connecting", "Connected", "Draining", "Lost", "Drained"],
      )
    }),
  )
})
