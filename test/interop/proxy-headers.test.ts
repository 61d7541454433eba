import { assert, describe, it } from "@effect/vitest"
import type { Proxy } from "@holdfast/websocket"
import { Effect } from "effect"
import { connect, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"

// What the upstream was asked, and what the client was answered.
const asked = Effect.fnUntraced(function* (
  headers: Readonly<Record<string, string | ReadonlyArray<string>>>,
  options: Partial<Proxy.Options> = {},
) {
  const up = yield* upstream()
  const proxy = yield* proxied({ upstream: up.url, ...options })
  const client = yield* Raw.dial(proxy.address)
  client.write(Raw.upgradeRequest({ headers }))
  const answer = yield* Raw.answer(client)
  assert.strictEqual(answer.status, 101)
  const { http } = yield* up.accepted
  return { up, answer, headers: http.headers }
})

describe("the client's headers", () => {
  it.live("of the end-to-end kind reach the upstream, with its own Host", () =>
    Effect.gen(function* () {
      const { headers, up } = yield* asked({
        Host: "public.example",
        Cookie: ["a=1", "b=2"],
        Authorization: "Bearer secret",
        Origin: "https://page.example",
        "X-Twice": ["1", "2"],
        "User-Agent": "test",
      })
      assert.strictEqual(headers.host, `127.0.0.1:${up.port}`)
      assert.strictEqual(headers.cookie, "a=1; b=2")
      assert.strictEqual(headers.authorization, "Bearer secret")
      assert.strictEqual(headers.origin, "https://page.example")
      assert.strictEqual(headers["x-twice"], "1, 2")
      assert.strictEqual(headers["user-agent"], "test")
    }),
  )

  it.live("of its own hop do not, nor those it lists in Connection", () =>
    Effect.gen(function* () {
      const { headers } = yield* asked({
        Connection: "keep-alive, Upgrade, X-Hop",
        "X-Hop": "secret",
        "Keep-Alive": "timeout=5",
        TE: "trailers",
        "Proxy-Authorization": "Basic secret",
        "Sec-WebSocket-Extensions": "permessage-deflate",
      })
      assert.strictEqual(headers.connection, "Upgrade")
      assert.notInclude(JSON.stringify(headers), "secret")
      for (const name of ["keep-alive", "te", "sec-websocket-extensions"]) assert.notProperty(headers, name)
    }),
  )

  it.live("with its own connection id keep it, and it is echoed", () =>
    Effect.gen(function* () {
      const { answer, headers } = yield* asked({ "X-Connection-Id": "mine-1" })
      assert.strictEqual(headers["x-connection-id"], "mine-1")
      assert.strictEqual(answer.header("x-connection-id"), "mine-1")
    }),
  )

  it.live("with a resume secret that finds no session are a 404, and never reach the upstream", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const secrets = [{ "X-Resume-Token": "secret" }, { "X-Reconnect-Id": "secret" }]
      for (const mode of ["session", "sender"] as const) {
        const proxy = yield* proxied({ upstream: up.url, mode })
        for (const headers of [...secrets, { ...secrets[0], ...secrets[1] }]) {
          assert.strictEqual((yield* Effect.flip(connect(proxy.url, [], { headers }))).status, 404)
        }
      }
      assert.strictEqual(up.count(), 0)
    }),
  )

  it.live("with a connection id that cannot be one get another", () =>
    Effect.gen(function* () {
      for (const bad of ["x".repeat(129), "two words", ""]) {
        const { answer, headers } = yield* asked({ "X-Connection-Id": bad })
        assert.match(`${headers["x-connection-id"]}`, /^[0-9a-f]{32}$/)
        assert.strictEqual(answer.header("x-connection-id"), headers["x-connection-id"])
      }
    }),
  )

  it.live("say who it is, after the proxies before us", () =>
    Effect.gen(function* () {
      const before = { "X-Forwarded-For": "1.1.1.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "first.example" }
      const { headers } = yield* asked({ Host: "public.example", ...before })
      assert.strictEqual(headers["x-forwarded-for"], "1.1.1.1, 127.0.0.1")
      assert.strictEqual(headers["x-forwarded-proto"], "https, http")
      assert.strictEqual(headers["x-forwarded-host"], "first.example, public.example")
    }),
  )

  it.live("do not say who it is when that is switched off", () =>
    Effect.gen(function* () {
      const one = yield* asked({}, { forwarded: false })
      assert.notInclude(Object.keys(one.headers).join(), "x-forwarded")
      const two = yield* asked({ "X-Forwarded-For": "1.1.1.1" }, { forwarded: false })
      assert.strictEqual(two.headers["x-forwarded-for"], "1.1.1.1")
    }),
  )
})

describe("two proxies in a row", () => {
  it.live("are as one: one connection id, both named, cookies and codes as they were", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      up.server.on("headers", (lines) => lines.push("Set-Cookie: a=1", "Set-Cookie: b=2"))
      const inner = yield* proxied({ upstream: `${up.url}/inner` })
      const outer = yield* proxied({ upstream: `${inner.url}/outer` })
      const client = yield* connect(`${outer.url}/room?id=1`, ["one"])
      const peer = yield* up.accepted
      assert.strictEqual(peer.http.url, "/inner/outer/room?id=1")
      assert.strictEqual(peer.http.headers["x-forwarded-for"], "127.0.0.1, 127.0.0.1")
      assert.strictEqual(peer.http.headers["x-forwarded-host"], `${outer.address}, ${inner.address}`)
      assert.strictEqual(peer.http.headers["x-connection-id"], client.http.headers["x-connection-id"])
      assert.deepStrictEqual(client.http.headers["set-cookie"], ["a=1", "b=2"])
      assert.strictEqual(client.ws.protocol, "one")
      yield* peer.send("hello")
      assert.strictEqual(yield* client.next, "hello")
      peer.ws.close(4001, "bye")
      assert.deepStrictEqual(yield* client.closed, { code: 4001, reason: "bye" })
    }),
  )
})
