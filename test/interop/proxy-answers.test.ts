import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { connect, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"

// A client's handshake with a proxy whose upstream answers these bytes.
const answered = Effect.fnUntraced(function* (bytes: string | Uint8Array, request = Raw.upgradeRequest()) {
  const up = yield* Raw.listen
  const proxy = yield* proxied({ upstream: up.url })
  const client = yield* Raw.dial(proxy.address)
  client.write(request)
  const peer = yield* up.accepted
  const asked = yield* Raw.head(peer)
  peer.write(bytes)
  return { ...(yield* Raw.answer(client)), asked, client, peer, proxy }
})

const http = (status: string, headers: ReadonlyArray<string> = [], body = "") =>
  [`HTTP/1.1 ${status}`, `Content-Length: ${body.length}`, ...headers, "", body].join("\r\n")

describe("the upstream's answer", () => {
  it.live("is a 101 without a subprotocol when the upstream chose none of the offered ones", () =>
    Effect.gen(function* () {
      const up = yield* upstream({ handleProtocols: () => false })
      const proxy = yield* proxied({ upstream: up.url })
      const client = yield* Raw.dial(proxy.address)
      client.write(Raw.upgradeRequest({ headers: { "Sec-WebSocket-Protocol": "one, two" } }))
      const { header, status } = yield* Raw.answer(client)
      assert.strictEqual(status, 101)
      assert.isUndefined(header("sec-websocket-protocol"))
      assert.strictEqual((yield* up.accepted).http.headers["sec-websocket-protocol"], "one, two")
    }),
  )

  it.live("is a 502 when the upstream chose a subprotocol that was not offered", () =>
    Effect.gen(function* () {
      for (const offered of [[], ["one"]]) {
        const up = yield* Raw.listen
        const proxy = yield* proxied({ upstream: up.url })
        const refused = yield* Effect.forkChild(Effect.flip(connect(proxy.url, offered)))
        const peer = yield* Raw.accept(up, ["Sec-WebSocket-Protocol: two"])
        assert.strictEqual((yield* Fiber.join(refused)).status, 502)
        yield* peer.closed
      }
    }),
  )

  for (const [status, headers, body] of [
    ["301 Moved", ["Location: http://elsewhere/x"], ""],
    ["302 Found", ["Location: /x", "Set-Cookie: a=1", "Set-Cookie: b=2; Path=/"], "go"],
    ["304 Not Modified", ["ETag: x"], ""],
    ["401 Unauthorized", ['WWW-Authenticate: Basic realm="x"'], "who"],
    ["404 Not Found", ["Content-Type: text/html"], "<p>no</p>"],
    ["429 Too Many", ["Retry-After: 3"], "slow"],
    ["503 Away", ["Retry-After: 7"], "later"],
    ["200 OK", [], "a page"],
    ["204 No Content", [], ""],
  ] as const) {
    it.live(`${status} passes as it is`, () =>
      Effect.gen(function* () {
        const got = yield* answered(http(status, headers, body))
        assert.strictEqual(got.status, Number(status.slice(0, 3)))
        assert.strictEqual(got.body, body)
        const lines = got.lines.map(([name, value]) => `${name}: ${value}`)
        for (const header of headers) {
          const [name = "", ...value] = header.split(": ")
          assert.include(lines, `${name.toLowerCase()}: ${value.join(": ")}`)
        }
        yield* got.client.closed
      }),
    )
  }

  it.live("passes header bytes beyond ASCII as they are, in a 101 and in a refusal", () =>
    Effect.gen(function* () {
      for (const value of ["gr\xfc\xdfe", Buffer.from("grüße≈").toString("latin1")]) {
        const refusal = yield* answered(Buffer.from(http("403 No", [`X-Word: ${value}`]), "latin1"))
        assert.strictEqual(refusal.header("x-word"), value)

        const up = yield* Raw.listen
        const proxy = yield* proxied({ upstream: up.url })
        const client = yield* Raw.dial(proxy.address)
        client.write(Buffer.from(Raw.upgradeRequest({ headers: { "X-Asked": value } }), "latin1"))
        const peer = yield* up.accepted
        const asked = yield* Raw.head(peer)
        assert.strictEqual(asked.header("x-asked"), value)
        peer.write(Buffer.from(Raw.switching(asked, [`X-Word: ${value}`]), "latin1"))
        assert.strictEqual((yield* Raw.answer(client)).header("x-word"), value)
      }
    }),
  )

  it.live("is cut at 64 KiB when it refuses with more than that", () =>
    Effect.gen(function* () {
      const body = "0123456789abcdef".repeat(8192)
      const got = yield* answered(http("500 Oops", [], body))
      assert.strictEqual(got.status, 500)
      assert.strictEqual(got.body, body.slice(0, 65_536))
      yield* got.peer.closed
    }),
  )

  it.live("loses its own names for sessions and secrets, whatever it is", () =>
    Effect.gen(function* () {
      const forged = ["X-Connection-Id: forged", "X-Resume-Token: forged", "X-Reconnect-Id: forged"]
      const refusal = yield* answered(http("403 No", forged))
      assert.notInclude(JSON.stringify(refusal.lines), "forged")

      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url })
      const client = yield* Raw.dial(proxy.address)
      client.write(Raw.upgradeRequest())
      const { request } = yield* Raw.accept(up, forged)
      const accepted = yield* Raw.answer(client)
      assert.notInclude(JSON.stringify(accepted.lines), "forged")
      assert.match(accepted.header("x-connection-id") ?? "", /^[0-9a-f]{32}$/)
      assert.strictEqual(accepted.header("x-connection-id"), request.header("x-connection-id"))
    }),
  )

  it.live("loses the headers of its own hop", () =>
    Effect.gen(function* () {
      const hop = ["Connection: X-Secret, close", "X-Secret: s", "Keep-Alive: timeout=9", "Proxy-Authenticate: Basic"]
      const { lines } = yield* answered(http("403 No", [...hop, "X-Kept: yes"]))
      const names = lines.map(([name]) => name)
      assert.include(names, "x-kept")
      for (const name of ["x-secret", "keep-alive", "proxy-authenticate"]) assert.notInclude(names, name)
    }),
  )
})
