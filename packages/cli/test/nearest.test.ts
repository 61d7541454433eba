import { assert, describe, it } from "@effect/vitest"
import { didYouMean, nearest } from "../src/internal/nearest.ts"

const known = ["listen", "admin", "max-message", "max-sessions", "http"]

describe("the nearest word", () => {
  it("is the one with the fewest slips of the finger", () =>
    assert.deepStrictEqual(
      ["lisen", "amdin", "max-mesages", "max-session", "htpp"].map((word) => nearest(word, known)),
      ["listen", "admin", "max-message", "max-sessions", "http"],
    ))

  it("is none when nobody could have meant it", () =>
    assert.deepStrictEqual(
      ["x", "upstream", "maximum", ""].map((word) => nearest(word, known)),
      [undefined, undefined, undefined, undefined],
    ))

  it("ends a message, or does not", () => {
    assert.strictEqual(didYouMean("lisen", known), `; did you mean "listen"?`)
    assert.strictEqual(didYouMean("upstream", known), "")
  })
})
