import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as CloseCode from "../src/internal/closeCode.ts"

const peer = (code: number, reason = "", clean = true) => ({ code, reason, clean })
const said = ({ code, reason }: CloseCode.Goodbye) => ({ code, reason })

describe("what the other side is told", () => {
  for (const code of [1000, 1001, 1003, 1005, 1008, 1011, 1012, 1014, 3000, 3999, 4000, 4999]) {
    it(`a goodbye with ${code} is passed on both ways with its reason`, () => {
      assert.deepStrictEqual(said(CloseCode.toUpstream(peer(code, "bye"))), { code, reason: "bye" })
      assert.deepStrictEqual(said(CloseCode.toClient(peer(code, "bye"))), { code, reason: "bye" })
    })
  }

  it("a client that vanished is 1001 for the upstream", () =>
    assert.deepStrictEqual(CloseCode.toUpstream(peer(1006, "", false)), { code: 1001, reason: "client gone" }))

  it("an upstream that vanished is 1014 for the client", () =>
    assert.deepStrictEqual(CloseCode.toClient(peer(1006, "", false)), { code: 1014, reason: "upstream gone" }))

  for (const code of [1002, 1007, 1008, 1009]) {
    it(`a client that broke the protocol with ${code} is 1001 for the upstream`, () =>
      assert.deepStrictEqual(CloseCode.toUpstream(peer(code, "bad frame", false)), {
        code: 1001,
        reason: "client broke the protocol: bad frame",
      }))

    it(`an upstream that broke the protocol with ${code} is ${code} for the client`, () =>
      assert.deepStrictEqual(CloseCode.toClient(peer(code, "bad frame", false)), {
        code,
        reason: "upstream broke the protocol: bad frame",
      }))
  }

  it("a shutdown is 1012 for the client and 1001 for the upstream", () =>
    assert.deepStrictEqual([CloseCode.shutdown.client.code, CloseCode.shutdown.upstream.code], [1012, 1001]))
})

// RFC 6455 7.4.1 and the IANA registry, with 1004-1006 and 1015 reserved and 1016-2999 unassigned.
const registered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]

describe("isSendable", () => {
  it("is true for the registered codes and 3000 to 4999, and for nothing else", () => {
    const wrong: Array<number> = []
    for (let code = 0; code <= 5000; code++) {
      const may = registered.includes(code) || (code >= 3000 && code < 5000)
      if (CloseCode.isSendable(code) !== may) wrong.push(code)
    }
    assert.deepStrictEqual(wrong, [])
  })
})

describe("reasonLabel", () => {
  const cases = {
    reset: [1006],
    goaway: [1001, 1012],
    close_1xxx: [1000, 1002, 1005, 1009, 1011, 1013, 1014],
    close_3xxx: [3000, 3999],
    close_4xxx: [4000, 4409, 4999],
  }
  for (const [label, codes] of Object.entries(cases)) {
    it(`${codes.join(", ")} count as ${label}`, () =>
      assert.deepStrictEqual(
        codes.map((code) => CloseCode.reasonLabel(peer(code))),
        codes.map(() => label),
      ))
  }
})

const bytes = (text: string) => new TextEncoder().encode(text).byteLength

// The longest beginning of at most 123 bytes that ends between code points: what every well-formed reason must come to.
const longest = (reason: string) => {
  let kept = ""
  for (const character of reason) {
    if (bytes(kept + character) > 123) break
    kept += character
  }
  return kept
}

describe("cutReason", () => {
  it("keeps what fits", () => {
    for (const reason of ["", "bye", "a".repeat(123), "ä".repeat(61), "😀".repeat(30), "≈".repeat(41)]) {
      assert.strictEqual(CloseCode.cutReason(reason), reason)
    }
  })

  it("cuts between code points wherever the border falls", () => {
    for (const wide of ["ä", "≈", "😀"]) {
      for (let before = 0; before <= 130; before++) {
        const reason = "a".repeat(before) + wide.repeat(130)
        assert.strictEqual(CloseCode.cutReason(reason), longest(reason))
      }
    }
  })

  it("does not cut an emoji in half", () =>
    assert.strictEqual(CloseCode.cutReason(`${"a".repeat(120)}😀`), "a".repeat(120)))

  it.effect.prop(
    "is the longest beginning of at most 123 bytes",
    [Schema.Array(Schema.Literals(["a", "ä", "≈", "😀", "\u0000", "\u0301"])).check(Schema.isMaxLength(200))],
    ([parts]) => Effect.sync(() => assert.strictEqual(CloseCode.cutReason(parts.join("")), longest(parts.join("")))),
    { arbitrary: { runs: 300, seed: 1 } },
  )

  it("gives valid UTF-8 even for text that is not well formed", () => {
    for (let before = 118; before < 125; before++) {
      assert.isAtMost(bytes(CloseCode.cutReason(`${"a".repeat(before)}\ud800${"b".repeat(9)}`)), 123)
    }
  })
})
