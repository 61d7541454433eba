import { assert, describe, it } from "@effect/vitest"
import { Flow } from "../src/internal/flow.ts"
import { Outlet } from "../src/internal/outlet.ts"
import * as Traffic from "../src/internal/traffic.ts"
import { FakeTransport, frame } from "./support/fakeTransport.ts"
import { FakeWheel } from "./support/fakeWheel.ts"

const opened = (replay = false) => {
  const traffic = Traffic.none()
  const pressure: Array<boolean> = []
  const wheel = new FakeWheel()
  const flow = new Flow({
    marks: { messages: 4, bytes: 100 },
    replay,
    traffic,
    onPressure: (paused) => void pressure.push(paused),
  })
  const outlet = (room = Infinity) => {
    const transport = new FakeTransport()
    transport.room = room
    return { transport, outlet: new Outlet(transport, wheel), sent: transport.sent }
  }
  const attach = (room?: number) => {
    const made = outlet(room)
    flow.attach(made.outlet)
    return made
  }
  const push = (...texts: ReadonlyArray<string>) => texts.forEach((text) => flow.push(frame(text)))
  return { flow, traffic, pressure, attach, push }
}

describe("a flow", () => {
  it("holds nothing while its consumer takes everything", () => {
    const { attach, flow, pressure, push, traffic } = opened()
    const { outlet, sent } = attach()
    push("a", "b", "c")
    assert.deepStrictEqual(sent, ["a", "b", "c"])
    assert.deepStrictEqual([flow.heldMessages, flow.heldBytes, flow.waiting, outlet.next], [0, 0, 0, 4])
    assert.deepStrictEqual([traffic.messages, traffic.bytes, traffic.sent, pressure], [3, 3, 3, []])
  })

  it("holds what comes while nobody is there, and hands it to who comes, once, before what comes then", () => {
    const { attach, flow, push, traffic } = opened()
    push("a", "b")
    assert.deepStrictEqual([flow.heldMessages, flow.heldBytes, flow.waiting], [2, 2, 2])
    const one = attach()
    push("c")
    assert.deepStrictEqual(one.sent, ["a", "b", "c"])
    assert.deepStrictEqual(flow.detach(one.outlet), [1, 3])
    push("d")
    const two = attach()
    assert.deepStrictEqual(two.sent, ["d"])
    assert.deepStrictEqual([traffic.sent, traffic.lost, flow.heldMessages, traffic.heldMessages], [4, 0, 0, 0])
  })

  it("holds a copy of a small message that is a view of a large read", () => {
    const { attach, flow } = opened()
    const read = Buffer.from("large".repeat(100))
    const view = read.subarray(0, 5)
    flow.push({ text: true, size: 5, bytes: () => view })
    read.fill(0)
    assert.deepStrictEqual(attach().sent, ["large"])
  })

  it("stops its producers at the marks while nobody is there, and lets them go on at half of them", () => {
    const { attach, flow, pressure, push } = opened()
    push("a", "b", "c")
    assert.deepStrictEqual(pressure, [])
    push("d")
    assert.deepStrictEqual([pressure, flow.slowest], [[true], undefined])
    const { outlet, transport } = attach(2)
    assert.deepStrictEqual([pressure, flow.slowest, flow.heldMessages], [[true], outlet, 2])
    transport.room = 2
    flow.flush(outlet)
    assert.deepStrictEqual([pressure, flow.slowest], [[true, false], undefined])
  })

  it("stops them for bytes too, and takes what they had sent by then", () => {
    const { attach, flow, pressure, push } = opened()
    push("x".repeat(300), "y", "z", "1", "2", "3")
    assert.deepStrictEqual([pressure, flow.heldMessages, flow.heldBytes], [[true], 6, 305])
    assert.strictEqual(attach().sent.length, 6)
    assert.deepStrictEqual(pressure, [true, false])
  })

  it("stops them as soon as the consumer cannot take more", () => {
    const { attach, flow, pressure, push } = opened()
    const { outlet, sent, transport } = attach(1)
    push("a")
    assert.deepStrictEqual(pressure, [])
    push("b", "c")
    assert.deepStrictEqual([pressure, sent, flow.slowest], [[true], ["a"], outlet])
    transport.room = Infinity
    flow.flush(outlet)
    assert.deepStrictEqual(
      [pressure, sent],
      [
        [true, false],
        ["a", "b", "c"],
      ],
    )
  })

  it("holds everything while it is locked, and blames nobody for it", () => {
    const { attach, flow, pressure, push } = opened()
    const { sent } = attach()
    flow.lock()
    push("a", "b", "c", "d", "e")
    assert.deepStrictEqual([sent, flow.heldMessages, pressure, flow.slowest], [[], 5, [true], undefined])
    flow.unlock()
    assert.deepStrictEqual(
      [sent, pressure],
      [
        ["a", "b", "c", "d", "e"],
        [true, false],
      ],
    )
  })

  it("loses what was never sent on when it is stopped, and what comes after that", () => {
    const { attach, flow, push, traffic } = opened()
    const { sent } = attach(1)
    push("a", "b", "c")
    flow.stop()
    push("d")
    flow.stop()
    assert.deepStrictEqual([sent, traffic.sent, traffic.lost], [["a"], 1, 3])
    assert.deepStrictEqual([flow.heldMessages, flow.waiting, traffic.heldBytes, flow.paused], [0, 0, 0, false])
  })

  it("says when an outlet has been given everything, or will not be", () => {
    const { attach, flow, push } = opened()
    const { outlet, transport } = attach(1)
    const said: Array<string> = []
    flow.whenHanded(outlet, () => said.push("idle"))
    assert.deepStrictEqual(said, ["idle"])
    push("a", "b")
    flow.whenHanded(outlet, () => said.push("all"))
    assert.deepStrictEqual(said, ["idle"])
    transport.room = Infinity
    flow.flush(outlet)
    assert.deepStrictEqual(said, ["idle", "all"])
    transport.room = 0
    push("c")
    flow.whenHanded(outlet, () => said.push("retired"))
    flow.retire(outlet)
    push("d")
    assert.deepStrictEqual(said, ["idle", "all", "retired"])
  })
})

describe("a flow that replays", () => {
  it("holds everything until it is confirmed, and sends the rest again to who comes next", () => {
    const { attach, flow, push } = opened(true)
    const one = attach()
    push("a", "b", "c")
    assert.deepStrictEqual([one.sent, flow.heldMessages, flow.waiting], [["a", "b", "c"], 3, 0])
    flow.confirm(one.outlet, 1)
    assert.strictEqual(flow.heldMessages, 2)
    assert.deepStrictEqual(flow.detach(one.outlet), [2, 3])
    push("d")
    const two = attach()
    assert.deepStrictEqual(two.sent, ["b", "c", "d"])
    flow.confirm(two.outlet, 4)
    assert.strictEqual(flow.heldMessages, 0)
  })

  it("asks for a confirmation when it stops its producers, and counts each message once", () => {
    const { attach, flow, pressure, push, traffic } = opened(true)
    const { outlet, transport } = attach()
    push("a", "b", "c", "d")
    assert.deepStrictEqual([pressure, transport.barriers], [[true], [4]])
    flow.confirm(outlet, 4)
    assert.deepStrictEqual(pressure, [true, false])
    flow.detach(outlet)
    attach()
    assert.deepStrictEqual([traffic.sent, traffic.lost], [4, 0])
  })
})

describe("a flow with several consumers", () => {
  it("hands live messages to all, and the backlog to the first only", () => {
    const { attach, push } = opened()
    push("a")
    const [one, two] = [attach(), attach()]
    push("b")
    assert.deepStrictEqual([one.sent, two.sent], [["a", "b"], ["b"]])
  })

  it("waits for the slowest, and names it; who is gone holds up nobody", () => {
    const { attach, flow, pressure, push } = opened()
    const [fast, slow] = [attach(), attach(1)]
    push("a", "b", "c")
    assert.deepStrictEqual([fast.sent, slow.sent], [["a", "b", "c"], ["a"]])
    assert.deepStrictEqual([flow.heldMessages, flow.slowest, pressure], [2, slow.outlet, [true]])
    flow.detach(slow.outlet)
    assert.deepStrictEqual([flow.heldMessages, pressure], [0, [true, false]])
  })

  it("does not hand to a newcomer what another has got, though the last to leave had not", () => {
    const { attach, flow, push, traffic } = opened()
    const [fast, slow] = [attach(), attach(1)]
    push("a", "b", "c")
    flow.detach(fast.outlet)
    flow.detach(slow.outlet)
    push("d")
    assert.deepStrictEqual([attach().sent, traffic.sent], [["d"], 4])
  })

  it("loses nothing in silence when the one that has the backlog leaves, and others are there", () => {
    const { attach, flow, push, traffic } = opened()
    push("a", "b")
    const [one, two] = [attach(1), attach()]
    flow.detach(one.outlet)
    push("c")
    assert.deepStrictEqual([one.sent, two.sent.at(-1), flow.heldMessages], [["a"], "c", 0])
    assert.strictEqual(traffic.sent + traffic.lost, traffic.messages)
  })

  it("counts each message as sent once, also the backlog that one takes while the others are ahead", () => {
    const { attach, flow, push, traffic } = opened()
    push("a", "b", "c")
    const [one, two] = [attach(1), attach()]
    push("d")
    assert.deepStrictEqual([one.sent, two.sent, traffic.sent, flow.waiting], [["a"], ["d"], 2, 2])
    one.transport.room = Infinity
    flow.flush(one.outlet)
    assert.deepStrictEqual([one.sent, traffic.sent, flow.waiting], [["a", "b", "c", "d"], 4, 0])
  })
})
