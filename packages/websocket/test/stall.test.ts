import { assert, describe, it } from "@effect/vitest"
import { Flow } from "../src/internal/flow.ts"
import { Outlet } from "../src/internal/outlet.ts"
import { Stalls } from "../src/internal/stall.ts"
import * as Traffic from "../src/internal/traffic.ts"
import { FakeTransport, frame } from "./support/fakeTransport.ts"
import { FakeWheel } from "./support/fakeWheel.ts"

// A flow whose only consumer takes nothing, watched for 20 seconds from the moment its producers were stopped.
const watched = () => {
  const [wheel, transport, told] = [new FakeWheel(), new FakeTransport(), [] as Array<string>]
  const stalls = new Stalls(wheel, 20_000)
  const watch = () => stalls.watch(flow, (slow) => told.push(`${slow === outlet ? "it" : "another"} at ${wheel.now()}`))
  const flow: Flow = new Flow({
    marks: { messages: 4, bytes: 1000 },
    replay: false,
    traffic: Traffic.none(),
    onPressure: (paused) => {
      if (paused) watch()
    },
  })
  const outlet = new Outlet(transport, wheel)
  transport.room = 0
  flow.attach(outlet)
  for (const text of ["a", "b", "c"]) flow.push(frame(text))
  return { wheel, transport, told, flow, outlet, watch }
}

describe("a consumer that holds up its producers", () => {
  it("is named when it has taken nothing for that time, and the watch is over", () => {
    const { told, wheel } = watched()
    wheel.pass(19_999)
    assert.deepStrictEqual(told, [])
    wheel.pass(1)
    assert.deepStrictEqual(told, ["it at 20000"])
    assert.strictEqual(wheel.pending, 0)
  })

  it("is waited for as long as it takes anything, however little", () => {
    const { told, transport, wheel } = watched()
    for (let left = 100; left > 0; left--) {
      transport.unsent = left
      wheel.pass(15_000)
    }
    assert.deepStrictEqual(told, [])
    wheel.pass(25_000)
    assert.strictEqual(told.length, 1)
  })

  it("is named within a quarter of the time after that, when it stops in between", () => {
    const { told, transport, wheel } = watched()
    transport.unsent = 2
    wheel.pass(6000)
    transport.unsent = 1
    wheel.pass(23_999)
    assert.deepStrictEqual(told, [])
    wheel.pass(5001)
    assert.deepStrictEqual(told, ["it at 30000"])
  })

  it("is let go when it has caught up", () => {
    const { flow, outlet, told, transport, wheel } = watched()
    wheel.pass(19_000)
    transport.room = Infinity
    flow.flush(outlet)
    wheel.pass(60_000)
    assert.deepStrictEqual([told, wheel.pending], [[], 0])
  })

  it("is nobody while it is away, and its time begins anew when it is back", () => {
    const { flow, outlet, told, wheel } = watched()
    flow.push(frame("d"))
    wheel.pass(19_000)
    flow.detach(outlet)
    wheel.pass(600_000)
    assert.deepStrictEqual(told, [])
    const transport = new FakeTransport()
    transport.room = 0
    flow.attach(new Outlet(transport, wheel))
    wheel.pass(19_000)
    assert.deepStrictEqual(told, [])
    wheel.pass(6000)
    assert.match(`${told}`, /^another at 6[34]\d000$/)
  })

  it("is nobody while the flow is locked", () => {
    const { flow, told, wheel } = watched()
    flow.push(frame("d"))
    flow.lock()
    wheel.pass(600_000)
    assert.deepStrictEqual(told, [])
    flow.unlock()
    wheel.pass(25_000)
    assert.strictEqual(told.length, 1)
  })

  it("is watched once, and anew when it holds them up again", () => {
    const { flow, outlet, told, transport, watch, wheel } = watched()
    watch()
    watch()
    wheel.pass(20_000)
    assert.deepStrictEqual(told, ["it at 20000"])
    transport.room = Infinity
    flow.flush(outlet)
    transport.room = 0
    flow.push(frame("d"))
    wheel.pass(20_000)
    assert.deepStrictEqual(told, ["it at 20000", "it at 40000"])
  })
})
