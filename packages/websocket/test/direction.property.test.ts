import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Direction, noTraffic } from "../src/internal/direction.ts"
import { FakeTransport, frame } from "./support/fakeTransport.ts"

const Step = Schema.Union([
  Schema.TaggedStruct("Push", { size: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 })) }),
  Schema.TaggedStruct("Room", { frames: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 })) }),
  Schema.TaggedStruct("Writable", {}),
])
const Steps = Schema.Array(Step).check(Schema.isMaxLength(60))
const End = Schema.Literals(["none", "stop", "abandon"])

describe("a direction, whatever the receiver takes", () => {
  it.effect.prop(
    "delivers a beginning of what came, in order, and every frame is counted once",
    [Steps, End, Steps],
    ([before, end, after]) =>
      Effect.sync(() => {
        const [from, to, traffic] = [new FakeTransport(), new FakeTransport(), noTraffic()]
        const way = new Direction(from, to, traffic)
        const came: Array<string> = []
        let bytes = 0
        const run = (steps: typeof before) => {
          for (const step of steps) {
            if (step._tag === "Room") to.room = step.frames
            else if (step._tag === "Writable") way.flush()
            else {
              const text = `${came.length}`.padEnd(5).slice(0, step.size)
              came.push(text)
              bytes += text.length
              way.push(frame(text))
            }
            assert.strictEqual(traffic.messages, to.sent.length + traffic.heldMessages + traffic.lostMessages)
            assert.deepStrictEqual([traffic.heldMessages, traffic.heldBytes], [way.heldMessages, way.heldBytes])
          }
        }

        run(before)
        const held = way.heldMessages
        // Reading has stopped exactly while something is held.
        assert.strictEqual(from.asked.at(-1) === "pause", held > 0)
        if (end === "abandon") way.abandon()
        if (end === "stop") way.stop()
        const known = came.length
        run(after)

        assert.deepStrictEqual(to.sent, came.slice(0, to.sent.length))
        assert.strictEqual(traffic.bytes, bytes)
        assert.strictEqual(
          traffic.lostMessages,
          end === "none" ? 0 : came.length - known + (end === "abandon" ? held : 0),
        )
        if (end === "none") {
          to.room = Infinity
          way.flush()
          assert.deepStrictEqual(to.sent, came)
          assert.deepStrictEqual(traffic, {
            messages: came.length,
            bytes,
            lostMessages: 0,
            heldMessages: 0,
            heldBytes: 0,
          })
        }
      }),
    { arbitrary: { runs: 300, seed: 1 } },
  )
})
