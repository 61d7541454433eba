import { assert, describe, it } from "@effect/vitest"
import { Outlet } from "../src/internal/outlet.ts"
import { FakeTransport, frame } from "./support/fakeTransport.ts"
import { FakeWheel } from "./support/fakeWheel.ts"

const opened = () => {
  const [transport, wheel] = [new FakeTransport(), new FakeWheel()]
  const outlet = new Outlet(transport, wheel)
  const hand = (count: number, text = "x") => {
    for (let at = 0; at < count; at++) assert.isTrue(outlet.hand(frame(text)))
  }
  return { transport, wheel, outlet, hand }
}

describe("an outlet", () => {
  it("counts on from where it starts, and knows what may not have arrived", () => {
    const { hand, outlet } = opened()
    outlet.start(40)
    assert.deepStrictEqual([outlet.next, outlet.confirmed, outlet.uncertain], [41, 40, undefined])
    hand(3)
    assert.deepStrictEqual(outlet.uncertain, [41, 43])
    outlet.confirm(42)
    assert.deepStrictEqual(outlet.uncertain, [43, 43])
    outlet.confirm(41)
    assert.deepStrictEqual(outlet.uncertain, [43, 43])
    outlet.confirm(43)
    assert.strictEqual(outlet.uncertain, undefined)
  })

  it("does not count what the connection does not take", () => {
    const { outlet, transport } = opened()
    transport.room = 1
    assert.deepStrictEqual([outlet.hand(frame("a")), outlet.hand(frame("b"))], [true, false])
    assert.deepStrictEqual([outlet.next, transport.sent], [2, ["a"]])
  })

  it("puts a barrier behind every 64 messages", () => {
    const { hand, transport } = opened()
    hand(63)
    assert.deepStrictEqual(transport.barriers, [])
    hand(1)
    assert.deepStrictEqual(transport.barriers, [64])
    hand(64)
    assert.deepStrictEqual(transport.barriers, [64, 128])
  })

  it("puts a barrier behind every 256 KiB", () => {
    const { hand, transport } = opened()
    hand(3, "x".repeat(64 * 1024))
    assert.deepStrictEqual(transport.barriers, [])
    hand(1, "x".repeat(64 * 1024))
    assert.deepStrictEqual(transport.barriers, [4])
    hand(1, "x".repeat(1024 * 1024))
    assert.deepStrictEqual(transport.barriers, [4, 5])
  })

  it("puts a barrier behind a message that has waited for a second, and behind no other", () => {
    const { hand, transport, wheel } = opened()
    hand(1)
    wheel.pass(500)
    hand(1)
    wheel.pass(500)
    assert.deepStrictEqual(transport.barriers, [2])
    wheel.pass(10_000)
    assert.deepStrictEqual(transport.barriers, [2])
    hand(1)
    wheel.pass(1000)
    assert.deepStrictEqual(transport.barriers, [2, 3])
  })

  it("is never more than a second behind with its barriers, however its messages come", () => {
    const { hand, transport, wheel } = opened()
    for (let at = 0; at < 200; at++) {
      const behind = transport.barriers.at(-1) ?? 0
      hand((at * 7) % 40)
      const upTo = transport.sent.length
      wheel.pass(1000)
      assert.isAtLeast(transport.barriers.at(-1) ?? 0, upTo, `${behind}`)
      wheel.pass((at * 13) % 300)
    }
  })

  it("keeps no alarm while it has nothing to ask for, and none once it is stopped", () => {
    const { hand, outlet, wheel } = opened()
    assert.strictEqual(wheel.pending, 0)
    hand(1)
    assert.strictEqual(wheel.pending, 1)
    wheel.pass(3000)
    assert.strictEqual(wheel.pending, 0)
    hand(1)
    outlet.stop()
    assert.strictEqual(wheel.pending, 0)
  })

  it("asks again once a peer that owed too many answers gives one", () => {
    const { hand, outlet, transport } = opened()
    let refuse = true
    const barrier = transport.barrier
    Object.assign(transport, { barrier: (mark: number) => !refuse && barrier(mark) })
    hand(100)
    assert.deepStrictEqual(transport.barriers, [])
    refuse = false
    outlet.confirm(0)
    assert.deepStrictEqual(transport.barriers, [100])
  })

  it("shows progress while its peer takes anything", () => {
    const { hand, outlet, transport } = opened()
    const seen = [outlet.progress]
    const note = () => seen.push(outlet.progress)
    hand(1)
    note()
    transport.unsent = 10 // as of a Ping that it does not take
    note()
    transport.unsent = 9
    note()
    outlet.confirm(1)
    note()
    assert.strictEqual(new Set(seen).size, 4)
    assert.strictEqual(outlet.progress, seen.at(-1))
  })
})
