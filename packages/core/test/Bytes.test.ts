import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@holdfast/core"

describe("Bytes", () => {
  it("reads sizes as people write them", () => {
    const sizes = ["0", "65536", "64KiB", "1MiB", "1.5MiB", "2GiB", "12B", " 1 KiB "]
    assert.deepStrictEqual(sizes.map(Bytes.parse), [0, 65536, 65536, 1048576, 1572864, 2147483648, 12, 1024])
  })

  it("does not guess at what is not a size", () => {
    const wrong = ["", "KiB", "-1", "1MB", "1e3", "0.5B", "64kib", "99999999999GiB", "1 2"]
    assert.deepStrictEqual(
      wrong.map(Bytes.parse),
      wrong.map(() => undefined),
    )
  })

  it("toNumber throws a RangeError that shows how to write a size", () => {
    assert.strictEqual(Bytes.toNumber("16MiB"), 16777216)
    assert.strictEqual(Bytes.toNumber(7), 7)
    for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => Bytes.toNumber(wrong), /is not a size; write/)
    }
  })

  it("format writes what parse reads", () => {
    const sizes = [0, 1, 1023, 1024, 1500, 65536, 1048576, 1572864, 2 ** 31]
    assert.deepStrictEqual(sizes.map(Bytes.format).map(Bytes.parse), sizes)
    assert.deepStrictEqual([1500, 65536, 2 ** 31].map(Bytes.format), ["1500B", "64KiB", "2GiB"])
  })
})
