import { assert, describe, it } from "@effect/vitest"
import { TokenBucket } from "../src/internal/tokenBucket.ts"

const take = (bucket: TokenBucket, now: number, times: number) =>
  Array.from({ length: times }, () => bucket.take(now)).filter(Boolean).length

describe("a token bucket", () => {
  it("gives its burst at once, whatever time it is", () => {
    for (const now of [-1e12, 0, 1e12]) assert.strictEqual(take(new TokenBucket(10, 50), now, 100), 50)
  })

  it("then gives so many per second, also by parts of one", () => {
    const bucket = new TokenBucket(10, 50)
    take(bucket, 0, 50)
    assert.strictEqual(take(bucket, 99, 1), 0)
    assert.strictEqual(take(bucket, 150, 2), 1)
    assert.strictEqual(take(bucket, 200, 2), 1)
    assert.strictEqual(take(bucket, 1200, 20), 10)
  })

  it("never saves more than its burst", () => {
    const bucket = new TokenBucket(10, 50)
    take(bucket, 0, 50)
    assert.strictEqual(take(bucket, 1e9, 100), 50)
  })

  it("gives nothing for a clock that jumps back", () => {
    const bucket = new TokenBucket(10, 50)
    take(bucket, 10_000, 50)
    assert.strictEqual(take(bucket, 0, 1), 0)
    assert.strictEqual(take(bucket, 100, 2), 1)
  })

  it("knows when it is full again", () => {
    const bucket = new TokenBucket(10, 50)
    assert.isTrue(bucket.isFull(0))
    take(bucket, 0, 10)
    assert.deepStrictEqual([bucket.isFull(0), bucket.isFull(999), bucket.isFull(1000)], [false, false, true])
  })
})
