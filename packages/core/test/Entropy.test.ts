import { assert, describe, it } from "@effect/vitest"
import { Entropy } from "@holdfast/core"
import { Effect, Redacted } from "effect"

describe("Entropy", () => {
  it.effect("ids are hex, tokens are base64url, and both are fresh each time", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* Entropy.id(), yield* Entropy.id()]
      assert.match(a, /^[0-9a-f]{16}$/)
      assert.notStrictEqual(a, b)
      const token = yield* Entropy.token()
      assert.match(Redacted.value(token), /^[A-Za-z0-9_-]{43}$/)
      assert.isFalse(Entropy.same(token, yield* Entropy.token()))
    }),
  )

  it.effect("a token does not show itself", () =>
    Effect.gen(function* () {
      const token = yield* Entropy.token()
      assert.notInclude(`${JSON.stringify({ token })} ${String(token)}`, Redacted.value(token))
    }),
  )

  it("same compares whole values", () => {
    const same = (a: string, b: string) => Entropy.same(Redacted.make(a), Redacted.make(b))
    assert.isTrue(same("", ""))
    assert.isTrue(same("abc", "abc"))
    for (const other of ["", "ab", "abd", "abcabc", "Abc"]) assert.isFalse(same("abc", other), other)
    assert.isFalse(same("", "abc"))
  })

  it.effect("the same seed gives the same ids, another seed others", () =>
    Effect.gen(function* () {
      const draw = (seed: number) =>
        Effect.all([Entropy.id(), Entropy.id(3)]).pipe(Effect.provide(Entropy.layerSeeded(seed)))
      const first = yield* draw(1)
      assert.deepStrictEqual(yield* draw(1), first)
      assert.notDeepEqual(yield* draw(2), first)
      assert.strictEqual(first[1].length, 6)
    }),
  )
})
