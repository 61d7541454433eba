import { assert, describe, it } from "@effect/vitest"
import { describe as describeReceipt, type Account } from "../src/internal/receipts.ts"

const account: Account = {
  session: "7f3a",
  hop: "upstream",
  back: true,
  awayMillis: 2310,
  dials: 4,
  held: 14,
  lost: 0,
  uncertain: 3,
  range: [1021, 1023],
  outcome: "dropped",
}

describe("the line of a receipt", () => {
  const lines: ReadonlyArray<readonly [what: string, of: Partial<Account>, line: string]> = [
    [
      "says what was held, what is uncertain and how often it was dialled",
      {},
      "session 7f3a upstream away 2.31s: 14 held and delivered, 3 uncertain (seq 1021-1023) dropped, 4 dials",
    ],
    [
      "names one message by its number",
      { uncertain: 1, range: [7, 7], outcome: "replayed", dials: 1 },
      "session 7f3a upstream away 2.31s: 14 held and delivered, 1 uncertain (seq 7) replayed, 1 dial",
    ],
    [
      "says that nobody came back, and what was lost by that",
      { hop: "client", back: false, held: 0, lost: 2, uncertain: 0, range: null, awayMillis: 60_000 },
      "session 7f3a client away 60.00s: 0 held and delivered, 2 lost, 0 uncertain, not back",
    ],
  ]
  for (const [what, of, line] of lines) {
    it(`${what}`, () => assert.strictEqual(describeReceipt({ ...account, ...of }), line))
  }
})
