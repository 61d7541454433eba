import { assert, describe, it } from "@effect/vitest"
import { Barriers } from "../src/internal/barriers.ts"

const payloads = (barriers: Barriers, ...marks: ReadonlyArray<number>) =>
  marks.map((mark) => barriers.next(mark) ?? new Uint8Array())

describe("barriers", () => {
  it("a Pong tells the mark of its Ping, once", () => {
    const barriers = new Barriers(7)
    const [one, two] = payloads(barriers, 10, 20)
    assert.strictEqual(barriers.answered(one!), 10)
    assert.strictEqual(barriers.answered(one!), undefined)
    assert.strictEqual(barriers.answered(two!), 20)
    assert.strictEqual(barriers.answered(two!), undefined)
  })

  it("a Pong to a later Ping answers those before it too", () => {
    const barriers = new Barriers(7)
    const [one, two, three, four] = payloads(barriers, 1, 2, 3, 4)
    assert.strictEqual(barriers.answered(three!), 3)
    assert.deepStrictEqual([barriers.answered(one!), barriers.answered(two!)], [undefined, undefined])
    assert.strictEqual(barriers.answered(four!), 4)
  })

  it("a Pong that nobody asked for answers nothing", () => {
    const barriers = new Barriers(7)
    assert.strictEqual(barriers.answered(new Uint8Array(8)), undefined)
    const [one] = payloads(barriers, 1)
    const [strange] = payloads(new Barriers(8), 1)
    const future = one!.slice()
    future[7] = 2
    for (const wrong of [strange!, future, new Uint8Array(0), one!.slice(1), new Uint8Array([...one!, 0])]) {
      assert.strictEqual(barriers.answered(wrong), undefined)
    }
    assert.strictEqual(barriers.answered(one!), 1)
  })

  it("understands a Pong that is a view of something larger", () => {
    const barriers = new Barriers(0xffff_ffff)
    const [one] = payloads(barriers, 5)
    const large = new Uint8Array(100)
    large.set(one!, 50)
    assert.strictEqual(barriers.answered(large.subarray(50, 58)), 5)
  })

  it("a peer that owes 32 answers is not asked again before it gives one", () => {
    const barriers = new Barriers(7)
    const sent = payloads(barriers, ...Array.from({ length: 32 }, (_, at) => at))
    assert.strictEqual(barriers.next(32), undefined)
    assert.strictEqual(barriers.answered(sent[3]!), 3)
    assert.strictEqual(
      payloads(barriers, 32, 33, 34, 35).every(({ byteLength }) => byteLength === 8),
      true,
    )
    assert.strictEqual(barriers.next(36), undefined)
    assert.strictEqual(barriers.answered(sent[31]!), 31)
  })
})
