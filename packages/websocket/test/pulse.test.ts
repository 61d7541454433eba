import { assert, describe, it } from "@effect/vitest"
import * as Pulse from "../src/internal/pulse.ts"
import { FakeTransport } from "./support/fakeTransport.ts"
import { FakeWheel } from "./support/fakeWheel.ts"

const started = (
  onPing: (transport: FakeTransport) => void = () => {},
  beat: Pulse.Beat = { interval: 15_000, timeout: 10_000 },
) => {
  const [wheel, transport, told] = [new FakeWheel(), new FakeTransport(), [] as Array<string>]
  const state = { paused: false }
  const pulse = new Pulse.Pulse({
    beat,
    wheel,
    transport,
    ping: () => {
      told.push(`ping at ${wheel.now()}`)
      onPing(transport)
    },
    isPaused: () => state.paused,
    onDead: () => told.push(`dead at ${wheel.now()}`),
  })
  return { wheel, transport, told, state, stop: () => pulse.stop() }
}

describe("the pulse", () => {
  it("of a peer that never answers stops after interval and timeout", () => {
    const { told, wheel } = started()
    wheel.pass(100_000)
    assert.deepStrictEqual(told, ["ping at 15000", "dead at 25000"])
    assert.strictEqual(wheel.pending, 0)
  })

  it("of a peer that answers goes on, whatever it answers with", () => {
    const { told, wheel } = started((transport) => transport.heard++)
    wheel.pass(60_000)
    assert.deepStrictEqual(told, ["ping at 15000", "ping at 30000", "ping at 45000", "ping at 60000"])
    wheel.pass(100_000)
    assert.notInclude(`${told}`, "dead")
  })

  it("of a peer that falls silent right behind an answer is missed no later than interval and timeout after that", () => {
    let answers = 3
    const { told, wheel } = started((transport) => {
      if (answers-- > 0) transport.heard++
    })
    wheel.pass(200_000)
    assert.deepStrictEqual(told.slice(-2), ["ping at 60000", "dead at 70000"])
  })

  it("with a timeout that is longer than the interval waits for all of it", () => {
    const { told, wheel } = started(() => {}, { interval: 10_000, timeout: 25_000 })
    wheel.pass(100_000)
    assert.deepStrictEqual(told, ["ping at 10000", "dead at 35000"])
    const late = started(() => {}, { interval: 10_000, timeout: 25_000 })
    for (let at = 0; at < 20; at++) {
      late.wheel.pass(20_000)
      late.transport.heard++
    }
    assert.notInclude(`${late.told}`, "dead")
  })

  it("of a peer that takes what is sent to it goes on: its answer stands behind that", () => {
    const { told, transport, wheel } = started()
    transport.unsent = 100
    wheel.pass(20_000)
    transport.unsent = 99
    wheel.pass(5000)
    assert.deepStrictEqual(told, ["ping at 15000"])
    wheel.pass(25_000)
    assert.deepStrictEqual(told.at(-1), "dead at 40000")
  })

  it("of a peer that is not read is not judged, and is again once it is", () => {
    const { state, told, wheel } = started()
    state.paused = true
    wheel.pass(500_000)
    assert.notInclude(`${told}`, "dead")
    state.paused = false
    wheel.pass(25_000)
    assert.include(`${told}`, "dead")
  })

  it("can be stopped at any time", () => {
    const one = started()
    one.stop()
    const two = started()
    two.wheel.pass(16_000)
    two.stop()
    one.wheel.pass(100_000)
    two.wheel.pass(100_000)
    assert.deepStrictEqual([one.told, two.told], [[], ["ping at 15000"]])
  })
})
