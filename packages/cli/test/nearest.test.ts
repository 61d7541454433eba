import { assert, describe, it } from "@effect/vitest"
import { didYouMean, nearest } from "../src/internal/nearest.ts"

const known = ["listen", "admin", "mode", "for", "up", "max-message", "max-sessions", "upstream-retry-budget", "http"]

describe("the nearest word", () => {
  it("is the one with the fewest slips of the finger", () =>
    assert.deepStrictEqual(
      ["lisen", "amdin", "moed", "fro", "max-mesages", "max-session", "upstrem-retrybudgt", "htpp"].map((word) =>
        nearest(word, known),
      ),
      ["listen", "admin", "mode", "for", "max-message", "max-sessions", "upstream-retry-budget", "http"],
    ))

  it("is none when it differs in more than a third of its letters, or in more than three", () => {
    for (const word of ["nope", "x", "fr", "us", "hops", "lists", "upstream", "maximum", "upstream-budget", ""]) {
      assert.isUndefined(nearest(word, known), word)
    }
  })

  it("ends a message, or does not", () => {
    assert.strictEqual(didYouMean("lisen", known), `; did you mean "listen"?`)
    assert.strictEqual(didYouMean("upstream", known), "")
  })
})
