import { assert, describe, it } from "@effect/vitest"
import * as Tokens from "../src/internal/tokens.ts"

const opened = () => {
  const tokens = new Tokens.Tokens<{ readonly key: Tokens.Key }>()
  const session = { key: Tokens.key("t0") }
  tokens.add(session)
  const good = (...all: ReadonlyArray<string>) => all.filter((token) => tokens.find(token) === session)
  return { tokens, session, good }
}

describe("resume tokens", () => {
  it("find their session, and nothing else does", () => {
    const { good, tokens } = opened()
    const other = { key: Tokens.key("u0") }
    tokens.add(other)
    assert.deepStrictEqual(good("t0", "u0", "", "t"), ["t0"])
    assert.strictEqual(tokens.find("u0"), other)
    assert.strictEqual(tokens.find(undefined), undefined)
  })

  it("are not kept, only their digests are", () => {
    const { session } = opened()
    assert.notInclude(JSON.stringify(session), "t0")
  })

  it("are replaced: the one before stays good until the new one has arrived", () => {
    const { good, session, tokens } = opened()
    assert.strictEqual(tokens.rotate(session, "t0", "t1"), 1)
    assert.deepStrictEqual(good("t0", "t1"), ["t0", "t1"])
    tokens.settle(session, 1)
    assert.deepStrictEqual(good("t0", "t1"), ["t1"])
  })

  it("of answers that were all lost stay good: above all the one that was shown again", () => {
    const { good, session, tokens } = opened()
    const turns = ["t1", "t2", "t3", "t4", "t5", "t6"].map((next) => tokens.rotate(session, "t0", next))
    assert.deepStrictEqual(turns, [1, 2, 3, 4, 5, 6])
    assert.deepStrictEqual(good("t0", "t1", "t2", "t3", "t4", "t5", "t6"), ["t0", "t4", "t5", "t6"])
    tokens.settle(session, 5)
    assert.deepStrictEqual(good("t0", "t4", "t5", "t6"), ["t5", "t6"])
  })

  it("of a session that is found without one are replaced all the same", () => {
    const { good, session, tokens } = opened()
    tokens.rotate(session, undefined, "t1")
    assert.deepStrictEqual(good("t0", "t1"), ["t0", "t1"])
  })

  it("of a session that is over are worth nothing", () => {
    const { good, session, tokens } = opened()
    tokens.rotate(session, "t0", "t1")
    tokens.remove(session)
    assert.deepStrictEqual(good("t0", "t1"), [])
  })
})
