import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { connect, echo } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"

// The answer to these bytes; the upstream must not have heard of them.
const answered = Effect.fnUntraced(function* (bytes: string) {
  const up = yield* Raw.listen
  const proxy = yield* proxied({ upstream: up.url, handshakeTimeout: "300 millis" })
  const client = yield* Raw.dial(proxy.address)
  client.write(bytes)
  const answer = yield* Raw.answer(client)
  yield* client.closed
  assert.strictEqual(up.count(), 0)
  return answer
})

const upgrade = (headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>, first?: string) =>
  Raw.upgradeRequest(first === undefined ? { headers } : { headers, first })

describe("a malformed handshake is refused before anybody is dialled", () => {
  const cases: ReadonlyArray<readonly [what: string, status: number, bytes: string]> = [
    ["no key", 400, upgrade({ "Sec-WebSocket-Key": undefined })],
    ["a short key", 400, upgrade({ "Sec-WebSocket-Key": "c2hvcnQ=" })],
    ["a key that is not base64", 400, upgrade({ "Sec-WebSocket-Key": "!!!!!!!!!!!!!!!!!!!!!!==" })],
    ["two keys", 400, upgrade({ "Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="] })],
    ["no version", 426, upgrade({ "Sec-WebSocket-Version": undefined })],
    ["version 8", 426, upgrade({ "Sec-WebSocket-Version": "8" })],
    ["version 12", 426, upgrade({ "Sec-WebSocket-Version": "12" })],
    ["version 13 and more", 426, upgrade({ "Sec-WebSocket-Version": "13, 14" })],
    ["POST", 405, upgrade({}, "POST / HTTP/1.1")],
    ["PUT", 405, upgrade({}, "PUT / HTTP/1.1")],
    ["HTTP/1.0", 400, upgrade({}, "GET / HTTP/1.0")],
    ["no Host", 400, upgrade({ Host: undefined })],
    ["an empty subprotocol", 400, upgrade({ "Sec-WebSocket-Protocol": "one,,two" })],
    ["no subprotocol in the header for them", 400, upgrade({ "Sec-WebSocket-Protocol": "" })],
    ["a subprotocol that is no token", 400, upgrade({ "Sec-WebSocket-Protocol": "one two" })],
    ["a subprotocol twice", 400, upgrade({ "Sec-WebSocket-Protocol": ["one", "two, one"] })],
    ["a body", 400, `${upgrade({ "Content-Length": "5" })}hello`],
    ["a chunked body", 400, `${upgrade({ "Transfer-Encoding": "chunked" })}5\r\nhello\r\n0\r\n\r\n`],
  ]
  for (const [what, status, bytes] of cases) {
    it.live(`${what}: ${status}`, () =>
      Effect.gen(function* () {
        const answer = yield* answered(bytes)
        assert.strictEqual(answer.status, status)
        assert.strictEqual(answer.header("sec-websocket-version"), status === 426 ? "13" : undefined)
      }),
    )
  }
})

describe("a target that is not a path is refused before anybody is dialled", () => {
  for (const target of [
    "//127.0.0.1:9/x",
    "http://evil.example/x",
    "ws://evil.example/x",
    "/a/../b",
    "/..",
    "/%2e%2e/x",
    "/.%2E/x",
    "/a/..%2fb",
    "/\\evil.example",
    "*",
  ]) {
    it.live(target, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* answered(upgrade({}, `GET ${target} HTTP/1.1`))).status, 400)
      }),
    )

    it.live(`${target} over plain HTTP`, () =>
      Effect.gen(function* () {
        const up = yield* Raw.listen
        const proxy = yield* proxied({ upstream: up.url, http: "forward" })
        const client = yield* Raw.dial(proxy.address)
        const method = target === "*" ? "OPTIONS" : "GET"
        client.write(`${method} ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
        assert.strictEqual((yield* Raw.answer(client)).status, 400)
        assert.strictEqual(up.count(), 0)
      }),
    )
  }
})

describe("a client that takes its time or too much room", () => {
  const quick = { handshakeTimeout: "300 millis" } as const

  // How long until the proxy hangs up, and what it said.
  const patience = Effect.fnUntraced(function* (...parts: ReadonlyArray<string>) {
    const up = yield* Raw.listen
    const proxy = yield* proxied({ upstream: up.url }, quick)
    const started = performance.now()
    const client = yield* Raw.dial(proxy.address)
    client.write(...parts)
    yield* client.closed
    assert.strictEqual(up.count(), 0)
    return { took: performance.now() - started, said: client.rest().toString().split("\r\n")[0] }
  })

  it.live("to send its headers is told 408 in about the time it had", () =>
    Effect.gen(function* () {
      const { said, took } = yield* patience(Raw.upgradeRequest().slice(0, -2))
      assert.strictEqual(said, "HTTP/1.1 408 Request Timeout")
      assert.isTrue(took > 250 && took < 1500, `${took}`)
    }),
  )

  it.live("and says nothing at all is cut as well", () =>
    Effect.gen(function* () {
      const { took } = yield* patience()
      assert.isTrue(took > 250 && took < 1500, `${took}`)
    }),
  )

  it.live("is cut although it sends a little now and then", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url }, quick)
      const client = yield* Raw.dial(proxy.address)
      client.write("GET / HTTP/1.1\r\n")
      const drip = setInterval(() => client.write("X-A: b\r\n"), 50)
      yield* client.closed
      clearInterval(drip)
    }),
  )

  it.live("is told 431 when its headers are larger than the limit", () =>
    Effect.gen(function* () {
      const one = yield* answered(upgrade({ "X-Large": "x".repeat(17_000) }))
      assert.strictEqual(one.status, 431)
      const two = yield* answered(upgrade({ "X-Many": Array.from({ length: 500 }, () => "x".repeat(100)) }))
      assert.strictEqual(two.status, 431)
    }),
  )

  it.live("is served when its headers fit the limit it was given", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url }, { headerBytes: "64KiB" })
      const client = yield* Raw.dial(proxy.address)
      client.write(upgrade({ "X-Large": "x".repeat(15_000), "X-Larger": "x".repeat(15_000) }))
      const peer = yield* Raw.accept(up)
      assert.strictEqual(peer.request.header("x-larger")?.length, 15_000)
      assert.strictEqual((yield* Raw.answer(client)).status, 101)
    }),
  )
})

describe("a client that does not wait for its answer", () => {
  for (const first of ["GET / HTTP/1.1", "GET //x HTTP/1.1"]) {
    it.live(`and upgrades right behind ${first} is cut, and nobody else is`, () =>
      Effect.gen(function* () {
        const up = yield* echo
        const proxy = yield* proxied({ upstream: up.url })
        const other = yield* connect(proxy.url)
        const client = yield* Raw.dial(proxy.address)
        client.write(`${first}\r\nHost: proxy.test\r\n\r\n${Raw.upgradeRequest()}`)
        yield* client.closed
        yield* other.send("still here")
        assert.strictEqual(yield* other.next, "still here")
      }),
    )
  }
})
