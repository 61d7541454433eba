import type * as Proxy from "@holdfast/websocket/Proxy"
import { assert, describe, it } from "@effect/vitest"
import { Doubts } from "../src/internal/doubts.ts"

const receipt = (about: Partial<typeof Proxy.Receipt.Type>): typeof Proxy.Receipt.Type => ({
  _tag: "Receipt",
  at: 0,
  program: "proxy",
  target: "ws://a",
  session: "s",
  hop: "upstream",
  back: true,
  awayMillis: 1000,
  dials: 1,
  held: 0,
  lost: 0,
  uncertain: 0,
  range: null,
  outcome: "dropped",
  ...about,
})

/** What is said about the messages from 1 to so many: `u`ncertain, `c`ut off or nothing. */
const about = (doubts: Doubts, last: number): string =>
  Array.from({ length: last }, (_, at) => doubts.about(at + 1)?.[0] ?? ".").join("")

describe("doubts", () => {
  it("are what the proxy reports about its upstream, in the numbers of the session", () => {
    const doubts = new Doubts()
    doubts.begin("s", 2)
    doubts.receipt(receipt({ uncertain: 3, range: [2, 4] }))
    doubts.receipt(receipt({}))
    assert.deepStrictEqual([about(doubts, 8), doubts.uncertain, doubts.reconnects], ["...uuu..", 3, 2])
  })

  it("are not what it reports about others, nor about the client, which speaks for itself", () => {
    const doubts = new Doubts()
    doubts.begin("s", 0)
    doubts.receipt(receipt({ session: "t", uncertain: 3, range: [1, 3] }))
    doubts.receipt(receipt({ hop: "client", uncertain: 3, range: [1, 3] }))
    assert.deepStrictEqual([about(doubts, 3), doubts.uncertain, doubts.reconnects], ["...", 0, 0])
    doubts.vanished(2, 3)
    doubts.resumed()
    assert.deepStrictEqual([about(doubts, 3), doubts.uncertain, doubts.reconnects], [".uu", 2, 1])
    doubts.vanished(4, 3)
    assert.deepStrictEqual([about(doubts, 4), doubts.uncertain], [".uu.", 2])
  })

  it("are as wide as the numbers of proxy and client may differ", () => {
    const doubts = new Doubts()
    doubts.begin("s", 0)
    doubts.vanished(1, 2)
    doubts.receipt(receipt({ uncertain: 1, range: [4, 4] }))
    assert.deepStrictEqual([about(doubts, 8), doubts.uncertain], ["uu.uuu..", 3])
    doubts.begin("t", 8)
    doubts.receipt(receipt({ session: "t", uncertain: 1, range: [1, 1] }))
    assert.strictEqual(about(doubts, 11), "uu.uuu..u..")
  })

  it("are echoes that were under way when the upstream was killed; what was reported as well is uncertain", () => {
    const doubts = new Doubts()
    doubts.begin("s", 0)
    doubts.reached("s", 5)
    doubts.reached("t", 9)
    doubts.reached("s", Number.NaN)
    doubts.killed(2)
    doubts.killed(5)
    doubts.receipt(receipt({ back: false, uncertain: 2, range: [5, 6] }))
    assert.deepStrictEqual([about(doubts, 7), doubts.uncertain, doubts.reconnects], ["..ccuu.", 2, 0])
  })
})
