import { assert, describe, it } from "@effect/vitest"
import { Effect, FiberSet } from "effect"
import { TestClock } from "effect/testing"
import { noTraffic } from "../src/internal/direction.ts"
import * as PassThrough from "../src/internal/passThrough.ts"
import { FakeTransport } from "./support/fakeTransport.ts"

const joined = Effect.gen(function* () {
  const fork = yield* FiberSet.makeRuntime<never, void>()
  const [client, upstream, up, down] = [new FakeTransport(), new FakeTransport(), noTraffic(), noTraffic()]
  const ends: Array<PassThrough.Ends> = []
  const onEnd = (end: PassThrough.Ends) => void ends.push(end)
  const session = PassThrough.join({ id: "s", client, upstream, up, down, fork, onEnd })
  const settled = TestClock.adjust(0)
  return { client, upstream, up, down, ends, session, fork, settled }
})

/** What it was asked, without the traffic control. */
const words = ({ asked }: FakeTransport) => asked.filter((one) => one !== "pause" && one !== "resume")
const end = (code: number, reason = "") => ({ code, reason, clean: code !== 1006 })

describe("a joined session", () => {
  it.effect("passes frames both ways", () =>
    Effect.gen(function* () {
      const { client, down, up, upstream } = yield* joined
      client.receive("ping")
      upstream.receive("pong")
      upstream.receive("!")
      assert.deepStrictEqual([client.sent, upstream.sent], [["pong", "!"], ["ping"]])
      assert.deepStrictEqual([up.messages, down.messages], [1, 2])
    }),
  )

  it.effect("ends with the client's code, and reports both ends once", () =>
    Effect.gen(function* () {
      const { client, ends, settled, upstream } = yield* joined
      client.end(4001, "enough")
      yield* settled
      assert.deepStrictEqual([words(upstream), words(client)], [["close 4001 enough"], []])
      assert.deepStrictEqual(ends, [{ first: "client", client: end(4001, "enough"), upstream: end(4001, "enough") }])
    }),
  )

  it.effect("ends with the upstream's code", () =>
    Effect.gen(function* () {
      const { client, ends, settled, upstream } = yield* joined
      upstream.end(1005)
      yield* settled
      assert.deepStrictEqual(words(client), ["close 1005"])
      assert.strictEqual(ends[0]?.first, "upstream")
    }),
  )

  it.effect("tells a client whose upstream vanished 1014, and an upstream whose client vanished 1001", () =>
    Effect.gen(function* () {
      const one = yield* joined
      const two = yield* joined
      one.upstream.end(1006)
      two.client.end(1006)
      yield* one.settled
      assert.deepStrictEqual(words(one.client), ["close 1014 upstream gone"])
      assert.deepStrictEqual(words(two.upstream), ["close 1001 client gone"])
    }),
  )

  it.effect("says nothing more when both end in the same moment", () =>
    Effect.gen(function* () {
      const { client, ends, settled, upstream } = yield* joined
      client.end(1000)
      upstream.end(1011, "oops")
      yield* settled
      assert.deepStrictEqual(words(client), [])
      assert.deepStrictEqual(ends, [{ first: "client", client: end(1000), upstream: end(1011, "oops") }])
    }),
  )

  it.effect("delivers what is held before the goodbye, either way", () =>
    Effect.gen(function* () {
      const one = yield* joined
      one.upstream.room = 1
      for (const text of ["a", "b", "c"]) one.client.receive(text)
      one.client.end(4001, "enough")
      const two = yield* joined
      two.client.room = 0
      two.upstream.receive("d")
      two.upstream.end(1006)
      yield* one.settled
      assert.deepStrictEqual([words(one.upstream), words(two.client)], [[], []])

      one.upstream.drained()
      two.client.drained()
      yield* one.settled
      assert.deepStrictEqual([one.upstream.sent, words(one.upstream)], [["a", "b", "c"], ["close 4001 enough"]])
      assert.deepStrictEqual([two.client.sent, words(two.client)], [["d"], ["close 1014 upstream gone"]])
      assert.strictEqual(one.up.lostMessages + two.down.lostMessages, 0)
    }),
  )

  it.effect("cuts a peer that takes nothing for ten seconds, and counts what was held as lost", () =>
    Effect.gen(function* () {
      const { client, ends, up, upstream } = yield* joined
      upstream.room = 0
      upstream.unsent = 100
      client.receive("a")
      client.end(4001)
      yield* TestClock.adjust("9999 millis")
      assert.deepStrictEqual(words(upstream), [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(words(upstream), ["cut"])
      assert.deepStrictEqual(ends, [{ first: "client", client: end(4001), upstream: end(1006) }])
      assert.deepStrictEqual(up, { messages: 1, bytes: 1, lostMessages: 1, heldMessages: 0, heldBytes: 0 })
    }),
  )

  it.effect("lets the survivor be read when its peer is gone, so that its own goodbye is seen", () =>
    Effect.gen(function* () {
      const { client, settled, up, upstream } = yield* joined
      upstream.room = 0
      client.receive("a")
      assert.deepStrictEqual(client.asked, ["pause"])
      client.polite = false
      upstream.end(1011)
      yield* settled
      client.receive("b")
      assert.deepStrictEqual(client.asked, ["pause", "resume", "close 1011"])
      assert.deepStrictEqual([up.lostMessages, up.heldMessages], [2, 0])
    }),
  )

  it.effect("describes itself", () =>
    Effect.gen(function* () {
      const { client, session, upstream } = yield* joined
      const row = { _tag: "Session" as const, id: "s", bufferedMessages: 0, bufferedBytes: 0, resumes: 0 }
      assert.deepStrictEqual(session.row(), { ...row, state: "Active", clientConnected: true, upstreamState: "Ready" })
      client.room = 0
      client.unsent = 7
      upstream.receive("abc")
      assert.deepStrictEqual(
        [session.row()].map((it) => it._tag === "Session" && it.bufferedBytes),
        [10],
      )
      client.polite = false
      upstream.end(1000)
      assert.deepStrictEqual(session.row(), {
        ...row,
        state: "Closing",
        clientConnected: true,
        upstreamState: "Shutdown",
        bufferedMessages: 1,
        bufferedBytes: 10,
      })
    }),
  )
})

describe("the end of the proxy", () => {
  it.effect("is 1012 for the client and 1001 for the upstream", () =>
    Effect.gen(function* () {
      const { client, ends, session, settled, upstream } = yield* joined
      yield* session.shutdown
      yield* settled
      const why = "proxy is shutting down"
      assert.deepStrictEqual(ends, [{ first: "proxy", client: end(1012, why), upstream: end(1001, why) }])
      assert.deepStrictEqual([words(client), words(upstream)], [[`close 1012 ${why}`], [`close 1001 ${why}`]])
    }),
  )

  it.effect("is 1012 for a slow client too, after everything that was held for it", () =>
    Effect.gen(function* () {
      const { client, fork, session, settled, upstream } = yield* joined
      client.room = 0
      upstream.receive("a")
      upstream.receive("b")
      fork(session.shutdown)
      yield* settled
      assert.deepStrictEqual(words(upstream), ["close 1001 proxy is shutting down"])
      client.drained()
      yield* settled
      assert.deepStrictEqual([client.sent, words(client)], [["a", "b"], ["close 1012 proxy is shutting down"]])
    }),
  )

  it.effect("does not change what a slow upstream is told of a client that left before", () =>
    Effect.gen(function* () {
      const { client, fork, session, settled, upstream } = yield* joined
      upstream.room = 0
      client.receive("a")
      client.end(4001, "enough")
      fork(session.shutdown)
      yield* settled
      upstream.drained()
      yield* settled
      assert.deepStrictEqual([upstream.sent, words(upstream)], [["a"], ["close 4001 enough"]])
    }),
  )

  it.effect("loses what comes after the goodbye, and says so", () =>
    Effect.gen(function* () {
      const { client, down, fork, session, settled, up, upstream } = yield* joined
      client.polite = false
      upstream.polite = false
      fork(session.shutdown)
      yield* settled
      client.receive("late")
      upstream.receive("late")
      assert.deepStrictEqual([up.lostMessages, up.heldMessages], [1, 0])
      assert.deepStrictEqual([down.lostMessages, down.heldMessages], [1, 0])
    }),
  )

  it.effect("cuts both sides when asked to", () =>
    Effect.gen(function* () {
      const { client, ends, session, settled, upstream } = yield* joined
      session.cut()
      yield* settled
      assert.deepStrictEqual([words(client), words(upstream)], [["cut"], ["cut"]])
      assert.deepStrictEqual(ends, [{ first: "proxy", client: end(1006), upstream: end(1006) }])
    }),
  )
})
