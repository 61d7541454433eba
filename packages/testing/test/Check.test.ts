import { assert, describe, it } from "@effect/vitest"
import { Check, type History, Sim } from "@holdfast/testing"
import { Effect, Schedule } from "effect"
import { close, connect, dial, receive, refuse, rows, send } from "./rows.ts"

const ends = { sent: "send", received: "receive" }

/** Places of the rows that break the rule. */
const broken = (check: Check.Check, history: ReadonlyArray<History.Row>) =>
  check.judge(history).map(({ index }) => index)

describe("noLoss", () => {
  const check = Check.noLoss(ends)
  it("holds while all that was certainly sent arrives", () =>
    assert.isEmpty(
      broken(check, rows(...send(1), receive(1), ["invoke", "send", 2], ["info", "send", 2], ["invoke", "send", 3])),
    ))

  it("names the send that did not arrive", () =>
    assert.deepStrictEqual(broken(check, rows(...send(1), ...send(2), receive(1))), [3]))

  it("a failed send need not arrive", () =>
    assert.isEmpty(broken(check, rows(["invoke", "send", 1], ["fail", "send", 1]))))
})

describe("noDuplicate and atMost", () => {
  const twice = rows(receive(1), receive(2), receive(1), receive(1))
  it("hold while each arrives once at each host", () => {
    assert.isEmpty(
      broken(Check.noDuplicate(ends), rows(receive(1), receive(2), ["ok", "receive", 1, { host: "other" }])),
    )
    assert.isEmpty(broken(Check.atMost(3, "receive"), twice))
  })

  it("name every arrival too many", () => {
    assert.deepStrictEqual(broken(Check.noDuplicate(ends), twice), [2, 3])
    assert.deepStrictEqual(broken(Check.atMost(2, "receive"), twice), [3])
  })
})

describe("inOrder", () => {
  const check = Check.inOrder(ends)
  it("holds with gaps, with repetitions, and where sends overlap", () => {
    assert.isEmpty(broken(check, rows(...send(1), ...send(2), ...send(3), receive(1), receive(3), receive(1))))
    const overlap = [["invoke", "send", 1] as const, ["invoke", "send", 2] as const]
    assert.isEmpty(broken(check, rows(...overlap, ["ok", "send", 1], ["ok", "send", 2], receive(2), receive(1))))
  })

  it("names what came too late", () =>
    assert.deepStrictEqual(
      broken(check, rows(...send(1), ...send(2), ...send(3), receive(1), receive(3), receive(2))),
      [8],
    ))

  it("what was interrupted may arrive at any time", () =>
    assert.isEmpty(broken(check, rows(["invoke", "send", 1], ["info", "send", 1], ...send(2), receive(2), receive(1)))))
})

describe("noCorruption", () => {
  const check = Check.noCorruption(ends)
  it("holds when the same value arrives, whatever the order of its keys", () =>
    assert.isEmpty(broken(check, rows(...send(1, { a: 1, b: [2] }), receive(1, { b: [2], a: 1 })))))

  it("names another value, and what nobody sent", () =>
    assert.deepStrictEqual(broken(check, rows(...send(1, "a"), receive(1, "b"), receive(2, "a"))), [2, 3]))
})

describe("closeCodes", () => {
  const check = Check.closeCodes({ sent: "close", received: "closed" })
  const said = ["ok", "close", 1, { value: { code: 4001, reason: "moved" } }] as const
  const heard = (code: number, reason: string) => ["ok", "closed", 1, { value: { code, reason } }] as const
  it("holds when it is heard as said, or drowned by a fault", () => {
    assert.isEmpty(broken(check, rows(said, heard(4001, "moved"))))
    assert.isEmpty(broken(check, rows(said, ["fault", "reset", "client-server"], heard(1006, ""))))
    assert.isEmpty(broken(check, rows(["fault", "reset", "client-server"], heard(1006, ""))))
  })

  it("names another code, another reason, and a 1006 without a fault", () => {
    assert.deepStrictEqual(broken(check, rows(said, heard(1000, "moved"))), [1])
    assert.deepStrictEqual(broken(check, rows(said, heard(4001, ""))), [1])
    assert.deepStrictEqual(broken(check, rows(["fault", "reset", "client-server"], said, heard(1006, ""))), [2])
  })
})

describe("bounded", () => {
  const buffer = (messages: number, bytes: number) =>
    ["state", "buffer", "chat", { value: { messages, bytes } }] as const
  it("holds up to the limits, and names what exceeds one of them", () => {
    const history = rows(buffer(3, 10), buffer(4, 10), buffer(1, 11))
    assert.isEmpty(broken(Check.bounded({ messages: 4 }), history))
    assert.deepStrictEqual(broken(Check.bounded({ messages: 3, bytes: 10 }), history), [1, 2])
  })
})

describe("recovers", () => {
  const check = Check.recovers({ within: "5 seconds" })
  const heal = ["fault", "heal", "", { at: 10_000 }] as const
  const link = (at: number, value: string) => ["state", "link", "chat", { at, value }] as const
  it("holds when all that waited is done in time and the link is up", () =>
    assert.isEmpty(
      broken(
        check,
        rows(
          ["invoke", "send", 1],
          link(1000, "TransientFailure"),
          heal,
          link(14_000, "Ready"),
          ["fail", "send", 1, { at: 15_000 }],
          ["invoke", "send", 2, { at: 16_000 }],
          ["ok", "send", 2, { at: 16_100 }],
        ),
      ),
    ))

  it("names what was late, what failed long after the heal, what never ended, and the link that stayed away", () =>
    assert.deepStrictEqual(
      broken(
        check,
        rows(
          ["invoke", "send", 1],
          link(1000, "TransientFailure"),
          heal,
          ["ok", "send", 1, { at: 15_001 }],
          ["invoke", "send", 2],
          ["fail", "send", 2],
          ["invoke", "send", 3],
        ),
      ),
      [0, 1, 4, 6],
    ))

  it("what ended before the heal is past, and without a heal there is nothing to recover from", () => {
    assert.isEmpty(broken(check, rows(["invoke", "send", 1], ["fail", "send", 1, { at: 9000 }], heal)))
    assert.isEmpty(broken(check, rows(["invoke", "send", 1])))
  })
})

describe("quiet", () => {
  it("holds when every end of every connection has been closed", () =>
    assert.isEmpty(
      broken(
        Check.quiet,
        rows(dial("c1", 0), connect("c1", 1), connect("c1", 1, "server"), close("c1", 2), close("c1", 2, "server")),
      ),
    ))

  it("names connections and fibers that are left", () => {
    const history = rows(connect("c1", 1), connect("c1", 1, "server"), ["state", "left", "poll#2"])
    assert.deepStrictEqual(broken(Check.quiet, history), [0, 1, 2])
    const { history: real } = Sim.run(Effect.forkDetach(Effect.sleep(1)))
    assert.deepStrictEqual(broken(Check.quiet, real), [0])
  })
})

describe("noHalfOpen", () => {
  const check = Check.noHalfOpen({ within: "5 seconds" })
  const history = (end: number) => rows(connect("c1", 1, "server"), close("c1", 2), ["ok", "done", 1, { at: end }])
  it("holds while the other end may not have noticed yet, and is no matter of quiet", () => {
    assert.isEmpty(broken(check, history(5002)))
    assert.isEmpty(broken(Check.quiet, history(9000)))
  })

  it("names an end whose other end is gone for longer", () => assert.deepStrictEqual(broken(check, history(5003)), [0]))
})

describe("sla", () => {
  const took = (key: number, at: number, millis: number) =>
    [
      ["invoke", "call", key, { at }],
      ["ok", "call", key, { at: at + millis }],
    ] as const
  const history = rows(...took(1, 0, 10), ...took(2, 100, 10), ...took(3, 200, 10), ...took(4, 300, 50))
  it("holds while enough are in time", () => {
    assert.isEmpty(broken(Check.sla({ op: "call", within: "50 millis" }), history))
    assert.isEmpty(broken(Check.sla({ op: "call", within: "10 millis", part: 0.75 }), history))
  })

  it("names the late ones and those that did not succeed", () => {
    assert.deepStrictEqual(broken(Check.sla({ op: "call", within: "10 millis" }), history), [6])
    assert.deepStrictEqual(
      broken(Check.sla({ op: "call", within: "1 second" }), rows(["invoke", "call", 1], ["fail", "call", 1])),
      [0],
    )
  })
})

describe("backoff", () => {
  const check = Check.backoff(Schedule.exponential("100 millis"))
  it("holds when every dial waits as long as the schedule says", () => {
    const patient = [dial("a", 0), refuse("a", 5), dial("b", 100), refuse("b", 105), dial("c", 300), refuse("c", 305)]
    assert.isEmpty(broken(check, rows(...patient, dial("d", 700))))
  })

  it("names a dial that came too soon", () =>
    assert.deepStrictEqual(
      broken(check, rows(dial("a", 0), refuse("a", 5), dial("b", 100), refuse("b", 105), dial("c", 299))),
      [4],
    ))

  it("a connection starts it anew, if it lived long enough", () => {
    const flapping = rows(
      dial("a", 0),
      connect("a", 5),
      close("a", 6),
      dial("b", 7),
      connect("b", 9),
      close("b", 2000),
      dial("c", 2000),
    )
    assert.isEmpty(broken(check, flapping))
    const strict = Check.backoff(Schedule.exponential("100 millis"), { stableAfter: "1 second" })
    assert.deepStrictEqual(broken(strict, flapping), [3])
  })

  it("the shortest delay that chance allows is allowed, and no attempt after the last", () => {
    const jittered = Check.backoff(Schedule.jittered(Schedule.spaced("100 millis")))
    assert.isEmpty(broken(jittered, rows(dial("a", 0), refuse("a", 1), dial("b", 80))))
    assert.deepStrictEqual(broken(jittered, rows(dial("a", 0), refuse("a", 1), dial("b", 79))), [2])
    assert.deepStrictEqual(
      broken(Check.backoff(Schedule.recurs(1)), rows(dial("a", 0), dial("b", 1), dial("c", 2000))),
      [2],
    )
  })

  it("hosts dial independently of each other", () =>
    assert.isEmpty(broken(check, rows(dial("a", 0), dial("b", 1, "other")))))
})

describe("oneDial", () => {
  it("holds when a dial has ended before the next begins", () =>
    assert.isEmpty(
      broken(
        Check.oneDial,
        rows(
          dial("a", 0),
          refuse("a", 1),
          dial("b", 1),
          connect("b", 2),
          dial("c", 3),
          close("c", 4),
          dial("d", 5),
          dial("e", 5, "other"),
        ),
      ),
    ))

  it("a dial that is given up for another may be told in the same instant", () => {
    assert.isEmpty(broken(Check.oneDial, rows(dial("a", 0), dial("b", 5), close("a", 5), connect("b", 6))))
    assert.deepStrictEqual(broken(Check.oneDial, rows(dial("a", 0), dial("b", 5), close("a", 6))), [1])
  })

  it("names the second of two, whatever the other end says of the first", () =>
    assert.deepStrictEqual(broken(Check.oneDial, rows(dial("a", 0), connect("a", 1, "server"), dial("b", 1))), [2]))
})

describe("singleFlight", () => {
  it("holds one after the other, and names the one that overlaps", () => {
    const check = Check.singleFlight("refresh")
    const one = (key: string) =>
      [
        ["invoke", "refresh", key],
        ["ok", "refresh", key],
      ] as const
    assert.isEmpty(broken(check, rows(...one("a"), ...one("a"), ["invoke", "refresh", "b"], ...one("a"))))
    const overlap = rows(["invoke", "refresh", "a", { host: "one" }], ["invoke", "refresh", "a", { host: "two" }])
    assert.deepStrictEqual(broken(check, overlap), [1])
  })
})

describe("noHerd", () => {
  const check = Check.noHerd({ dials: 2, window: "1 second" })
  it("holds up to the limit, and names what goes beyond it in any window", () => {
    assert.isEmpty(broken(check, rows(dial("a", 0), dial("b", 500, "other"), dial("c", 1000), dial("d", 1500))))
    assert.deepStrictEqual(broken(check, rows(dial("a", 0), dial("b", 500, "other"), dial("c", 999))), [2])
  })
})

describe("legalStates and stateMachine", () => {
  const link = (value: string, key = "chat") => ["state", "link", key, { value }] as const
  it("hold along the edges, for each name on its own", () => {
    assert.isEmpty(
      broken(
        Check.legalStates,
        rows(link("Idle"), link("Connecting"), link("Shutdown", "x"), link("TransientFailure")),
      ),
    )
    assert.isEmpty(broken(Check.legalStates, rows(link("Ready"), link("Ready"), link("Connecting"))))
    assert.isEmpty(
      broken(
        Check.stateMachine("breaker", { Closed: ["Open"], Open: [] }),
        rows(["state", "breaker", "a", { value: "Closed" }]),
      ),
    )
  })

  it("name a change along no edge, a state nobody knows, and anything after the end", () => {
    assert.deepStrictEqual(broken(Check.legalStates, rows(link("Idle"), link("Ready"), link("Lost"))), [1, 2])
    assert.deepStrictEqual(broken(Check.legalStates, rows(link("Shutdown"), link("Shutdown"))), [1])
  })
})

describe("monotonic", () => {
  const offset = (value: number | string) => ["state", "offset", "log", { value }] as const
  it("holds while it grows or stays, and names what falls or is no number", () => {
    const check = Check.monotonic("offset")
    assert.isEmpty(broken(check, rows(offset(1), offset(1), offset(5))))
    assert.deepStrictEqual(broken(check, rows(offset(5), offset(4), offset("six"))), [1, 2])
  })
})

describe("linearizable", () => {
  const check = Check.linearizable({ read: "read", write: "write", initial: 0 })
  const [write, wrote] = [
    (value: number) => ["invoke", "write", "x", { value }] as const,
    ["ok", "write", "x"] as const,
  ]
  const [read, saw] = [["invoke", "read", "x"] as const, (value: number) => ["ok", "read", "x", { value }] as const]
  it("holds when an order explains what overlapped", () => {
    assert.isEmpty(
      broken(
        check,
        rows(
          read,
          saw(0),
          write(1),
          ["invoke", "read", "x", { host: "b" }],
          ["ok", "read", "x", { host: "b", value: 1 }],
          wrote,
        ),
      ),
    )
    assert.isEmpty(broken(check, rows(write(1), ["info", "write", "x"], read, saw(0), read, saw(1))))
  })

  it("names the answer that no order explains", () => {
    assert.deepStrictEqual(broken(check, rows(write(1), wrote, read, saw(0))), [3])
    assert.deepStrictEqual(broken(check, rows(write(1), ["info", "write", "x"], read, saw(1), read, saw(0))), [5])
    assert.deepStrictEqual(broken(check, rows(write(1), ["fail", "write", "x"], read, saw(1))), [3])
  })

  it("refuses what it cannot judge in reasonable time", () => {
    const overlapping = Array.from(
      { length: 20 },
      (_, n) => ["invoke", "write", "x", { host: `h${n}`, value: n }] as const,
    )
    const ended = Array.from({ length: 20 }, (_, n) => ["ok", "write", "x", { host: `h${n}` }] as const)
    assert.throws(() => check.judge(rows(...overlapping, ...ended, read, saw(99))), /let fewer attempts overlap/)
  })
})

describe("sometimes", () => {
  it("judges nothing in a single run", () => {
    const check = Check.sometimes("it did reconnect", (history) => history.length > 1)
    assert.isEmpty(broken(check, rows()))
    assert.deepStrictEqual([check.sometimes?.(rows()), check.sometimes?.(rows(receive(1), receive(2)))], [false, true])
  })
})
