import { assert, describe, it } from "@effect/vitest"
import { ReplayBuffer } from "@holdfast/core"
import { Effect, Schema } from "effect"

const Step = Schema.Union([
  Schema.TaggedStruct("Push", { size: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60 })) }),
  Schema.TaggedStruct("Ack", { back: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 })) }),
])
const Steps = Schema.Array(Step).check(Schema.isMinLength(20), Schema.isMaxLength(60))
const limits = { messages: 8, bytes: 100 }

interface Item {
  readonly seq: number
  readonly size: number
}

describe("ReplayBuffer", () => {
  for (const overflow of ["Backpressure", "DropOldest", "DropNewest", "Fail"] as const) {
    it.effect.prop(
      `holds what a plain list would hold, with ${overflow}`,
      [Steps],
      ([steps]) =>
        Effect.sync(() => {
          const buffer = ReplayBuffer.make<number>({ ...limits, overflow })
          let [model, last, dropped, failed]: [Array<Item>, number, number, boolean] = [[], 0, 0, false]
          const bytes = () => model.reduce((sum, item) => sum + item.size, 0)
          const fits = (size: number) =>
            model.length === 0 || (model.length < limits.messages && bytes() + size <= limits.bytes)

          for (const step of steps) {
            if (step._tag === "Ack") {
              const seq = Math.max(0, last - step.back)
              buffer.ack(seq)
              model = model.filter((item) => item.seq > seq)
              continue
            }
            if (overflow === "DropOldest") for (; !fits(step.size); dropped++) model.shift()
            const taken = !failed && fits(step.size)
            if (!taken && !failed && overflow !== "Backpressure") dropped++
            if (!taken && overflow === "Fail") failed = true
            if (taken) model.push({ seq: ++last, size: step.size })
            assert.strictEqual(buffer.push(last, step.size), taken ? last : undefined)

            const { dropped: counted, failed: over, last: given, messages } = buffer
            assert.deepStrictEqual(
              { messages, bytes: buffer.bytes, given, counted, over },
              { messages: model.length, bytes: bytes(), given: last, counted: dropped, over: failed },
            )
          }
          const [first] = model
          const all = [...buffer.from(0)].map(([seq, item]) => [seq, item])
          assert.deepStrictEqual(
            all,
            model.map(({ seq }) => [seq, seq]),
          )
          if (first !== undefined) assert.strictEqual([...buffer.from(first.seq + 1)].length, model.length - 1)
        }),
      { arbitrary: { runs: 300, seed: 1 } },
    )
  }

  it("an acknowledgement from the future is a bug, and says so", () => {
    const buffer = ReplayBuffer.make<string>()
    buffer.push("a", 1)
    assert.throws(() => buffer.ack(2), /2 is acknowledged, but only 1 were sent/)
  })

  it("takes one item of any size when empty", () => {
    const buffer = ReplayBuffer.make<string>({ bytes: "1KiB" })
    assert.strictEqual(buffer.push("large", 1_000_000), 1)
    assert.strictEqual(buffer.push("small", 1), undefined)
  })

  it("stays fast when much is acknowledged late", () => {
    const buffer = ReplayBuffer.make<number>({ messages: 100_000, bytes: "1GiB" })
    for (let i = 1; i <= 100_000; i++) buffer.push(i, 1)
    for (let i = 1; i <= 100_000; i++) buffer.ack(i)
    assert.deepStrictEqual([buffer.messages, buffer.bytes], [0, 0])
  })
})
