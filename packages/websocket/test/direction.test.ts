import { assert, describe, it } from "@effect/vitest"
import { Direction, noTraffic } from "../src/internal/direction.ts"
import { FakeTransport, frame } from "./support/fakeTransport.ts"

const make = () => {
  const [from, to, traffic] = [new FakeTransport(), new FakeTransport(), noTraffic()]
  return { from, to, traffic, way: new Direction(from, to, traffic) }
}

const push = (way: Direction, ...texts: ReadonlyArray<string>) => {
  for (const text of texts) way.push(frame(text))
}

describe("a direction", () => {
  it("passes frames on in order, without touching the sender", () => {
    const { from, to, traffic, way } = make()
    push(way, "a", "bb", "")
    assert.deepStrictEqual([to.sent, from.asked], [["a", "bb", ""], []])
    assert.deepStrictEqual(traffic, { messages: 3, bytes: 3, lostMessages: 0, heldMessages: 0, heldBytes: 0 })
  })

  it("holds from the first refused frame on, and pauses the sender once", () => {
    const { from, to, traffic, way } = make()
    to.room = 1
    push(way, "a", "bb", "ccc")
    to.room = 9 // room without `writable` changes nothing: order comes first
    push(way, "")
    assert.deepStrictEqual([to.sent, from.asked], [["a"], ["pause"]])
    assert.deepStrictEqual([way.heldMessages, way.heldBytes], [3, 5])
    assert.deepStrictEqual(traffic, { messages: 4, bytes: 6, lostMessages: 0, heldMessages: 3, heldBytes: 5 })
  })

  it("goes on where it stopped, and resumes the sender only when nothing is held", () => {
    const { from, to, traffic, way } = make()
    to.room = 0
    push(way, "a", "b", "c")
    to.room = 2
    way.flush()
    assert.deepStrictEqual([to.sent, from.asked, way.heldMessages], [["a", "b"], ["pause"], 1])
    push(way, "d")
    to.room = 9
    way.flush()
    assert.deepStrictEqual(
      [to.sent, from.asked],
      [
        ["a", "b", "c", "d"],
        ["pause", "resume"],
      ],
    )
    assert.deepStrictEqual(traffic, { messages: 4, bytes: 4, lostMessages: 0, heldMessages: 0, heldBytes: 0 })
  })

  it("does nothing when it is flushed with nothing held, or with no room", () => {
    const { from, to, way } = make()
    way.flush()
    to.room = 0
    push(way, "a")
    way.flush()
    assert.deepStrictEqual([to.sent, from.asked, way.heldMessages], [[], ["pause"], 1])
  })

  it("calls back at once when nothing is held, otherwise when the last held frame has left", () => {
    const { to, way } = make()
    const calls: Array<string> = []
    way.onEmpty(() => calls.push("first"))
    to.room = 0
    push(way, "a", "b")
    way.onEmpty(() => calls.push("second"))
    to.room = 1
    way.flush()
    assert.deepStrictEqual(calls, ["first"])
    to.room = 1
    way.flush()
    way.flush()
    assert.deepStrictEqual(calls, ["first", "second"])
  })

  it("counts as lost what was held and what still comes when the receiver is gone, and lets the sender speak", () => {
    const { from, to, traffic, way } = make()
    let empty = false
    to.room = 1
    push(way, "a", "bb", "cc")
    way.onEmpty(() => (empty = true))
    way.abandon()
    to.room = 9
    push(way, "dd")
    way.flush()
    assert.deepStrictEqual([to.sent, from.asked, empty], [["a"], ["pause", "resume"], true])
    assert.deepStrictEqual([way.heldMessages, way.heldBytes], [0, 0])
    assert.deepStrictEqual(traffic, { messages: 4, bytes: 7, lostMessages: 3, heldMessages: 0, heldBytes: 0 })
  })

  it("counts as lost what comes after the goodbye", () => {
    const { to, traffic, way } = make()
    push(way, "a")
    way.stop()
    push(way, "b")
    assert.deepStrictEqual(to.sent, ["a"])
    assert.deepStrictEqual(traffic, { messages: 2, bytes: 2, lostMessages: 1, heldMessages: 0, heldBytes: 0 })
  })

  it("adds to the numbers of its proxy, and leaves those of other sessions alone", () => {
    const traffic = noTraffic()
    const [one, two] = [new FakeTransport(), new FakeTransport()]
    const first = new Direction(new FakeTransport(), one, traffic)
    const second = new Direction(new FakeTransport(), two, traffic)
    one.room = 0
    two.room = 0
    push(first, "a")
    push(second, "bb")
    first.abandon()
    assert.deepStrictEqual(traffic, { messages: 2, bytes: 3, lostMessages: 1, heldMessages: 1, heldBytes: 2 })
    assert.deepStrictEqual([first.heldBytes, second.heldBytes], [0, 2])
  })
})
