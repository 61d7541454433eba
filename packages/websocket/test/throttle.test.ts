import { assert, describe, it } from "@effect/vitest"
import { Throttle } from "../src/internal/throttle.ts"

describe("the throttle of failures", () => {
  it("lets each source fail 50 times at once and 10 times a second, and no other for it", () => {
    let now = 0
    const throttle = new Throttle(() => now)
    const fails = (source: string, times: number) =>
      Array.from({ length: times }, () => throttle.failed(source)).filter(Boolean).length
    assert.strictEqual(fails("one", 60), 50)
    assert.strictEqual(fails("two", 10), 10)
    now = 1000
    assert.strictEqual(fails("one", 60), 10)
    assert.strictEqual(fails("two", 60), 50)
  })

  it("does not forget who has failed too often because others come", () => {
    let now = 0
    const throttle = new Throttle(() => now)
    for (let at = 0; at < 50; at++) throttle.failed("guesser")
    for (let at = 0; at < 9000; at++) throttle.failed(`${at}`)
    now = 50
    assert.isFalse(throttle.failed("guesser"))
  })

  it("remembers no more than 10,000 sources: the one that has been quiet for longest is forgotten", () => {
    const throttle = new Throttle(() => 0)
    for (let at = 0; at < 50; at++) throttle.failed("first")
    for (let at = 0; at < 9999; at++) throttle.failed(`${at}`)
    assert.isFalse(throttle.failed("first"))
    for (let at = 0; at < 10_000; at++) throttle.failed(`more ${at}`)
    assert.isTrue(throttle.failed("first"))
  })
})
