import { assert, describe, it } from "@effect/vitest"
import * as Handshake from "../src/internal/handshake.ts"

// RFC 6455 1.3.
const [key, accept] = ["dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
const asked = { host: "server:80", target: "/", key: "k", protocols: [], headers: {} }

const lines = (text: string) => text.split("\r\n").slice(1, -2)

describe("a request", () => {
  it("has each header of the handshake once, whoever else gives one, and one host", () => {
    const given = { Host: "other", CONNECTION: "close", "sec-websocket-key": "x", "content-length": "5", "X-Key": "1" }
    assert.deepStrictEqual(lines(Handshake.request({ ...asked, headers: given })), [
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: k",
      "Host: other",
      "X-Key: 1",
    ])
  })

  for (const [what, of] of [
    ["a name", { headers: { "a b": "1" } }],
    ["a value", { headers: { a: "1\r\nb: 2" } }],
    ["one of several values", { headers: { a: ["1", "2\n3"] } }],
    ["a subprotocol", { protocols: ["a\r\nb: 2"] }],
  ] as const) {
    it(`is not made when ${what} would break it`, () =>
      assert.throws(() => Handshake.request({ ...asked, ...of }), TypeError, "header"))
  }
})

describe("a 101", () => {
  it("is not made when its subprotocol would break it", () =>
    assert.throws(() => Handshake.switching("k", "a\r\nb: 2", {}), TypeError, "Sec-WebSocket-Protocol"))

  it("says nothing of a body that it cannot have", () =>
    assert.notInclude(Handshake.switching("k", "", { "content-length": "5" }), "length"))
})

describe("an answer", () => {
  const answer = (...headers: ReadonlyArray<string>) =>
    Handshake.head(Buffer.from(["HTTP/1.1 101 ", ...headers, "", ""].join("\r\n")))?.headers

  it("has the values that were sent, also under names that all objects have", () =>
    assert.deepStrictEqual(answer("Constructor: x", "A: 1", "a:2 "), { constructor: "x" as never, a: "1, 2" }))

  for (const connection of ["Upgrade", "keep-alive, upgrade"]) {
    it(`switches with \`Connection: ${connection}\``, () => {
      const headers = { upgrade: "WebSocket", connection, "sec-websocket-accept": accept }
      assert.strictEqual(Handshake.refusal(headers, key, []), undefined)
    })
  }

  for (const connection of [undefined, "close", "keep-alive"]) {
    it(`does not switch with \`Connection: ${connection}\` (RFC 6455 4.1)`, () => {
      const headers = { upgrade: "websocket", "sec-websocket-accept": accept }
      const wrong = Handshake.refusal(connection === undefined ? headers : { ...headers, connection }, key, [])
      assert.strictEqual(wrong, "its 101 has no `Connection: Upgrade`")
    })
  }
})
