import { assert, describe, it } from "vitest"
import { frameOf, goodbyeOf, protocolsOf, urlOf } from "../src/internal/webSocketArguments.ts"

/** The name of the DOMException. */
const refused = (f: () => unknown): string => {
  try {
    f()
  } catch (error) {
    return error instanceof DOMException ? error.name : `${String(error)}, which is no DOMException`
  }
  return "nothing"
}

describe("the URL (web-platform-tests: Create-invalid-urls, Create-wrong-scheme, Create-http-urls, Create-non-absolute-url)", () => {
  it("is normalised, and what is written in it is kept", () =>
    assert.deepStrictEqual(
      ["ws://a.example", "WSS://A.Example:443/x?y=%20z", new URL("ws://a.example:80/b c")].map(urlOf),
      ["ws://a.example/", "wss://a.example/x?y=%20z", "ws://a.example/b%20c"],
    ))

  it("of HTTP is that of the WebSocket beside it", () =>
    assert.deepStrictEqual(["http://a.example/x", "https://a.example:8443/"].map(urlOf), [
      "ws://a.example/x",
      "wss://a.example:8443/",
    ]))

  for (const wrong of [
    "ws://foo bar.com/",
    "ftp://a.example/",
    "mailto:example@example.org",
    "about:blank",
    "/relative/without/a/page",
    "#test",
    "ws://a.example/#",
    "ws://a.example/#test",
  ]) {
    it(`${wrong} is a SyntaxError`, () =>
      assert.strictEqual(
        refused(() => urlOf(wrong)),
        "SyntaxError",
      ))
  }
})

describe("subprotocols (web-platform-tests: Create-protocol*, Create-asciiSep-protocol-string, Create-nonAscii-protocol-string)", () => {
  it("are one, several or none", () =>
    assert.deepStrictEqual(
      [protocolsOf(), protocolsOf("echo"), protocolsOf(["echo", "chat"]), protocolsOf([])],
      [[], ["echo"], ["echo", "chat"], []],
    ))

  it("that are no list are one by their name, as WebIDL has it", () =>
    assert.deepStrictEqual(
      [5, null].map((it) => protocolsOf(it as never)),
      [["5"], ["null"]],
    ))

  for (const wrong of [
    "",
    {} as never,
    "ec ho",
    "échec",
    "a,b",
    "a\nb",
    ["echo", "echo"],
    ["echo", "Echo"],
    ["echo", ""],
  ]) {
    it(`${JSON.stringify(wrong)} is a SyntaxError`, () =>
      assert.strictEqual(
        refused(() => protocolsOf(wrong)),
        "SyntaxError",
      ))
  }
})

describe("a goodbye (web-platform-tests: Close-0, Close-1000, Close-1005, Close-2999, Close-3000, Close-NaN, Close-null, Close-string, Close-undefined, Close-Reason-124Bytes, Close-reason-unpaired-surrogates)", () => {
  it("may have 1000 or a code of one's own, and none at all is 1005", () =>
    assert.deepStrictEqual(
      [goodbyeOf(undefined, undefined), goodbyeOf(1000, undefined), goodbyeOf(3000, "why"), goodbyeOf(4999, "")],
      [
        { code: 1005, reason: "" },
        { code: 1000, reason: "" },
        { code: 3000, reason: "why" },
        { code: 4999, reason: "" },
      ],
    ))

  // What a page without types may write.
  for (const wrong of [
    0,
    500,
    999,
    1001,
    1005,
    1006,
    2999,
    5000,
    NaN,
    null,
    "string",
    65_536 + 1000,
  ] as Array<number>) {
    it(`with ${String(wrong)} is an InvalidAccessError`, () =>
      assert.strictEqual(
        refused(() => goodbyeOf(wrong, "")),
        "InvalidAccessError",
      ))
  }

  it("has at most 123 bytes of reason, counted as they are sent", () => {
    assert.deepStrictEqual(goodbyeOf(1000, "x".repeat(123)), { code: 1000, reason: "x".repeat(123) })
    assert.strictEqual(
      refused(() => goodbyeOf(1000, "x".repeat(124))),
      "SyntaxError",
    )
    assert.strictEqual(
      refused(() => goodbyeOf(1000, "é".repeat(62))),
      "SyntaxError",
    )
    assert.strictEqual(goodbyeOf(1000, "\ud807").reason, "\ud807")
  })

  it("with a reason and no code says 1000", () =>
    assert.deepStrictEqual(goodbyeOf(undefined, "why"), { code: 1000, reason: "why" }))
})

describe("a message (web-platform-tests: Send-0byte-data, Send-binary-*, Send-unicode-data, Send-unpaired-surrogates)", () => {
  const sent = (data: Parameters<typeof frameOf>[0]) => {
    const frame = frameOf(data)
    return frame instanceof Blob ? "Blob" : [frame.text, [...frame.bytes()]]
  }

  it("is text, or the bytes of what it is given", () => {
    const memory = new Uint8Array([1, 2, 3, 4])
    assert.deepStrictEqual(
      [
        sent(""),
        sent("é"),
        sent(memory.buffer),
        sent(memory.subarray(1, 3)),
        sent(new DataView(memory.buffer, 2)),
        sent(new Uint16Array([258])),
        sent(new Blob(["x"])),
      ],
      [
        [true, []],
        [true, [195, 169]],
        [false, [1, 2, 3, 4]],
        [false, [2, 3]],
        [false, [3, 4]],
        [false, [2, 1]],
        "Blob",
      ],
    )
  })

  it("is what it was when it was sent", () => {
    const memory = new Uint8Array([1])
    const frame = frameOf(memory)
    memory[0] = 2
    assert.deepStrictEqual(frame instanceof Blob ? [] : [...frame.bytes()], [1])
  })

  it("of half a surrogate pair is sent as U+FFFD, and anything else as its text", () => {
    assert.deepStrictEqual(sent("\ud807"), [true, [239, 191, 189]])
    assert.deepStrictEqual(sent(12 as unknown as string), [true, [49, 50]])
  })
})
