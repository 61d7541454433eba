import { assert, describe, it } from "@effect/vitest"
import { Effect, Scope } from "effect"
import type { Loss, Options, Receipt } from "../src/Proxy.ts"
import * as Rules from "../src/internal/rules.ts"
import { Session } from "../src/internal/session.ts"
import * as Tokens from "../src/internal/tokens.ts"
import * as Traffic from "../src/internal/traffic.ts"
import { FakeTransport } from "./support/fakeTransport.ts"
import { FakeWheel } from "./support/fakeWheel.ts"

const nothing = () => {}

// A session of its own; what it tells the others is written down.
const opened = (options: Partial<Options> = {}) => {
  const wheel = new FakeWheel()
  const [told, receipts, settled] = [[] as Array<string>, [] as Array<typeof Receipt.Type>, [] as Array<number>]
  const session = new Session({
    id: "id",
    label: "label",
    principal: "",
    binding: "",
    key: Tokens.key("token"),
    forward: false,
    scope: Effect.runSync(Scope.make()),
    shared: {
      rules: Rules.make({ upstream: "ws://up", ...options }),
      wheel,
      up: Traffic.none(),
      down: Traffic.none(),
      fork: (effect) => void Effect.runFork(effect),
      receipt: (account) => ({ _tag: "Receipt", at: 0, program: "proxy", target: "up", ...account }),
      onLost: ({ code, hop }: Loss) => told.push(`${hop} lost ${code}`),
      onBack: (receipt) => {
        receipts.push(receipt)
        told.push(`${receipt.hop} ${receipt.back ? "back" : "not back"}`)
      },
      over: () => told.push("over"),
      closing: () => told.push("closing"),
      settled: (_, turn) => settled.push(turn),
      named: nothing,
      booked: nothing,
      draining: () => false,
      resized: nothing,
    },
  })
  const upstream = new FakeTransport()
  const client = new FakeTransport()
  const gone = (_: string, __: string, again: boolean) => told.push(again ? "dial again" : "do not dial")
  const start = () => {
    session.reached(upstream, gone)
    session.start(client, nothing)
  }
  return { session, wheel, told, receipts, settled, upstream, client, gone, start }
}

describe("a session", () => {
  it("waits for a client that vanished, for as long as it lingers", () => {
    const { client, session, start, told, upstream, wheel } = opened({ linger: "60 seconds" })
    start()
    client.end(1006)
    upstream.receive("held")
    wheel.pass(59_999)
    assert.deepStrictEqual([told, session.clients, session.isClosing], [["client lost 1006"], 0, false])
    wheel.pass(1)
    assert.deepStrictEqual([told.slice(1), session.isClosing], [["closing", "client not back"], true])
  })

  it("gives the client what had waited for it, and says so", () => {
    const { client, receipts, session, start, upstream, wheel } = opened()
    start()
    upstream.receive("sent")
    client.end(1006)
    upstream.receive("one")
    upstream.receive("two")
    wheel.pass(1000)
    const back = new FakeTransport()
    assert.isTrue(session.rejoin(back, nothing, 1))
    upstream.receive("live")
    assert.deepStrictEqual(back.sent, ["one", "two", "live"])
    const [receipt] = receipts
    const { at: _, ...known } = receipt!
    assert.deepStrictEqual(known, {
      _tag: "Receipt",
      program: "proxy",
      target: "up",
      session: "label",
      hop: "client",
      back: true,
      awayMillis: 1000,
      dials: 0,
      held: 2,
      lost: 0,
      uncertain: 1,
      range: [1, 1],
      outcome: "dropped",
    })
  })

  it("does not hear the older connection of its client any more", () => {
    const { client, session, start, upstream } = opened()
    start()
    client.receive("one")
    const back = new FakeTransport()
    session.rejoin(back, nothing, 1)
    client.receive("from the grave")
    back.receive("two")
    assert.deepStrictEqual(upstream.sent, ["one", "two"])
  })

  it("of two clients that resume at once keeps the newer one, also when that is the first to be ready", () => {
    const { session, start } = opened()
    start()
    assert.isTrue(session.rejoin(new FakeTransport(), nothing, 2))
    assert.isFalse(session.rejoin(new FakeTransport(), nothing, 1))
    assert.strictEqual(session.clients, 1)
  })

  for (const [what, prove] of [
    ["a frame", (client: FakeTransport) => client.receive("x")],
    ["a Pong", (client: FakeTransport) => client.pong()],
  ] as const) {
    it(`knows by ${what} that the new token has arrived, once`, () => {
      const { session, settled, start } = opened()
      start()
      const back = new FakeTransport()
      session.rejoin(back, nothing, 1)
      assert.deepStrictEqual(settled, [])
      prove(back)
      prove(back)
      assert.deepStrictEqual(settled, [1])
    })
  }

  it("has no token that could still arrive once it is over", () => {
    const { session, settled, start, upstream } = opened()
    start()
    const back = new FakeTransport()
    back.polite = false
    session.rejoin(back, nothing, 1)
    upstream.end(4001)
    back.pong()
    assert.deepStrictEqual(settled, [])
  })

  it("whose upstream is gone again by the time it is heard is still without one", () => {
    const { client, gone, session, start, told, upstream } = opened()
    start()
    upstream.end(1006)
    const again = new FakeTransport()
    again.end(1006)
    session.reached(again, gone)
    assert.isTrue(session.isDetached)
    // Back and lost again, in this order.
    assert.deepStrictEqual(told.filter((what) => what.startsWith("upstream")).slice(-2), [
      "upstream back",
      "upstream lost 1006",
    ])
    client.end(4000)
    assert.include(told, "over")
  })

  it("whose client is gone again by the time it is heard is still without one", () => {
    const { client, session, start, told } = opened()
    start()
    client.end(1006)
    const again = new FakeTransport()
    again.end(1006)
    session.rejoin(again, nothing, 1)
    assert.strictEqual(session.clients, 0)
    assert.deepStrictEqual(told.slice(-2), ["client back", "client lost 1006"])
  })
})
