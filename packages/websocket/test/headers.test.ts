import { assert, describe, it } from "@effect/vitest"
import * as Headers from "../src/internal/headers.ts"

const hop = {
  connection: "keep-alive, X-Secret",
  "keep-alive": "timeout=5",
  "proxy-authenticate": "Basic",
  "proxy-authorization": "Basic x",
  "proxy-connection": "keep-alive",
  te: "trailers",
  trailer: "expires",
  "transfer-encoding": "chunked",
  upgrade: "websocket",
  "x-secret": "only for the first hop",
}
const handshake = {
  "sec-websocket-accept": "a",
  "sec-websocket-extensions": "permessage-deflate",
  "sec-websocket-key": "k",
  "sec-websocket-protocol": "one",
  "sec-websocket-version": "13",
}
const own = { "x-connection-id": "i", "x-resume-token": "t", "x-reconnect-id": "r" }
const client = (headers: Record<string, string>, secure = false) => ({ headers, remote: "10.0.0.1", secure })

describe("headers to the upstream", () => {
  it("are those of the client without its hop's, its handshake's and our own", () =>
    assert.deepStrictEqual(
      Headers.toUpstream(
        client({ ...hop, ...handshake, ...own, host: "proxy:80", cookie: "a=1; b=2", authorization: "x", origin: "o" }),
        { forwarded: false, reconnects: false },
      ),
      { cookie: "a=1; b=2", authorization: "x", origin: "o" },
    ))

  it("name the client when it came first", () =>
    assert.deepStrictEqual(Headers.toUpstream(client({ host: "proxy:80" }), { forwarded: true, reconnects: false }), {
      "x-forwarded-for": "10.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": "proxy:80",
    }))

  it("append the client to the proxies before it", () =>
    assert.deepStrictEqual(
      Headers.toUpstream(
        client(
          { host: "p", "x-forwarded-for": "1.1.1.1", "x-forwarded-proto": "http", "x-forwarded-host": "first" },
          true,
        ),
        { forwarded: true, reconnects: false },
      ),
      { "x-forwarded-for": "1.1.1.1, 10.0.0.1", "x-forwarded-proto": "http, https", "x-forwarded-host": "first, p" },
    ))

  it("do not name the client when switched off, and keep what was there", () =>
    assert.deepStrictEqual(
      Headers.toUpstream(client({ host: "p", "x-forwarded-for": "1.1.1.1" }), { forwarded: false, reconnects: false }),
      { "x-forwarded-for": "1.1.1.1" },
    ))

  it("do not say for the client that a session is not new, where the proxy itself says that", () => {
    const [it, forwarded] = [client({ "x-reconnect": "true" }), false]
    assert.deepStrictEqual(Headers.toUpstream(it, { forwarded, reconnects: true }), {})
    assert.deepStrictEqual(Headers.toUpstream(it, { forwarded, reconnects: false }), { "x-reconnect": "true" })
  })

  it("name no host when the client named none", () =>
    assert.deepStrictEqual(Headers.toUpstream(client({}), { forwarded: true, reconnects: false }), {
      "x-forwarded-for": "10.0.0.1",
      "x-forwarded-proto": "http",
    }))
})

describe("headers to the client", () => {
  it("are those of the upstream without its hop's, its handshake's and our own", () =>
    assert.deepStrictEqual(Headers.toClient({ ...hop, ...handshake, ...own, server: "s", "retry-after": "7" }), {
      server: "s",
      "retry-after": "7",
    }))

  it("keep several cookies apart", () =>
    assert.deepStrictEqual(Headers.toClient({ "set-cookie": ["a=1, x", "b=2"] }), { "set-cookie": ["a=1, x", "b=2"] }))

  it("drop a header that `Connection` lists whatever the case, spaces and empty elements", () =>
    assert.deepStrictEqual(
      Headers.toClient({ connection: ", X-One ,,x-TWO", "x-one": "1", "x-two": "2", "x-3": "3" }),
      {
        "x-3": "3",
      },
    ))
})

describe("list", () => {
  it("splits at commas and drops what is empty", () =>
    assert.deepStrictEqual(Headers.list(" a, b,,\tc ,"), ["a", "b", "c"]))

  it("of a header that is not there is empty", () => assert.deepStrictEqual(Headers.list(undefined), []))
})
