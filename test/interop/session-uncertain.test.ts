import { assert, describe, it } from "@effect/vitest"
import { Telemetry } from "@holdfast/core"
import { Context, Effect, Schedule } from "effect"
import { eventually } from "./kit/eventually.ts"
import { serverFrame } from "./kit/frames.ts"
import { connect } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"
import { credentials, dial, receiptsOf, session } from "./kit/sessions.ts"

const backoff = Schedule.spaced("10 millis")

type Uncertain = "drop" | "replay" | "fail"

const uncertain = (proxy: { metrics: () => Readonly<Record<string, number>> }, direction: "up" | "down") =>
  (["dropped", "replayed", "failed"] as const).map(
    (outcome) => proxy.metrics()[`holdfast_messages_uncertain_total{direction="${direction}",outcome="${outcome}"}`],
  )

// An upstream that reads everything and never answers a Ping: nothing that it is sent is ever confirmed.
const mute = Effect.fnUntraced(function* (policy: Uncertain) {
  const up = yield* Raw.listen
  const proxy = yield* proxied({ upstream: up.url, uncertain: policy, backoff })
  const accept = Raw.accept(up)
  const [client, peer] = yield* Effect.all([connect(proxy.url), accept], { concurrency: 2 })
  const receipts = () => receiptsOf(proxy)
  const hear = (from: Raw.Raw, count: number) =>
    Effect.replicateEffect(
      Effect.map(from.frame, ({ payload }) => payload.toString()),
      count,
    )
  return { proxy, client, peer, accept, receipts, hear }
})

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => `${from + at}`)

describe("what was sent to an upstream and not confirmed when that was lost", () => {
  it.live("is not sent again, but counted and reported, unless asked otherwise", () =>
    Effect.gen(function* () {
      const { accept, client, hear, peer, proxy, receipts } = yield* mute("drop")
      for (const text of numbers(1, 100)) client.ws.send(text)
      assert.deepStrictEqual(yield* hear(peer, 100), numbers(1, 100))
      peer.reset()
      const again = yield* accept
      yield* client.send("101")
      assert.deepStrictEqual(yield* hear(again, 1), ["101"])
      assert.deepInclude(receipts()[0], {
        hop: "upstream",
        back: true,
        uncertain: 100,
        range: [1, 100],
        outcome: "dropped",
      })
      assert.deepStrictEqual(uncertain(proxy, "up"), [100, 0, 0])
      assert.deepStrictEqual(uncertain(proxy, "down"), [0, 0, 0])
    }),
  )

  it.live("is sent again with `replay`, in order and before what came since, and reported as such", () =>
    Effect.gen(function* () {
      const { accept, client, hear, peer, proxy, receipts } = yield* mute("replay")
      for (const text of numbers(1, 50)) client.ws.send(text)
      assert.deepStrictEqual(yield* hear(peer, 50), numbers(1, 50))
      peer.reset()
      // The next dial waits for its answer.
      yield* eventually(() =>
        proxy.rows("Session").some((row) => row._tag === "Session" && row.state === "UpstreamAway"),
      )
      for (const text of numbers(51, 60)) client.ws.send(text)
      const again = yield* accept
      assert.deepStrictEqual(yield* hear(again, 60), numbers(1, 60))
      yield* eventually(() => receipts().length === 1)
      assert.deepInclude(receipts()[0], { back: true, uncertain: 50, range: [1, 50], outcome: "replayed" })
      assert.deepStrictEqual(uncertain(proxy, "up"), [0, 50, 0])
    }),
  )

  it.live("ends the session with `fail`: 1011 with how many they are", () =>
    Effect.gen(function* () {
      const { client, hear, peer, proxy, receipts } = yield* mute("fail")
      for (const text of numbers(1, 3)) client.ws.send(text)
      yield* hear(peer, 3)
      peer.reset()
      assert.deepStrictEqual(yield* client.closed, { code: 1011, reason: "3 unconfirmed" })
      yield* eventually(() => receipts().length === 1)
      assert.deepInclude(receipts()[0], { back: false, uncertain: 3, range: [1, 3], outcome: "failed" })
      assert.deepStrictEqual(uncertain(proxy, "up"), [0, 0, 3])
    }),
  )

  for (const policy of ["drop", "replay", "fail"] as const) {
    it.live(`is nothing after a barrier was answered, so with \`${policy}\` the session just goes on`, () =>
      Effect.gen(function* () {
        const { client, peer, proxy, receipts, up } = yield* session({ uncertain: policy, backoff })
        for (const text of numbers(1, 64)) client.ws.send(text)
        yield* Effect.callback<void>((done) => void peer.ws.once("ping", () => done(Effect.void)))
        // The Pong is on its way when this has gone round.
        yield* peer.send("round")
        assert.strictEqual(yield* client.next, "round")
        peer.ws.terminate()
        const again = yield* up.accepted
        yield* client.send("65")
        assert.strictEqual(yield* again.next, "65")
        assert.deepInclude(receipts()[0], { back: true, uncertain: 0, range: null, held: 0 })
        assert.deepStrictEqual(uncertain(proxy, "up"), [0, 0, 0])
      }),
    )
  }
})

describe("what was sent to a client and not confirmed when that was lost", () => {
  const muted = Effect.fnUntraced(function* (policy: Uncertain) {
    const it = yield* session({ uncertain: policy, backoff })
    it.client.ws.terminate()
    yield* it.is("ClientAway")
    // A client whose library never answers a Ping.
    const client = yield* connect(it.proxy.url, [], { headers: credentials(it.client), autoPong: false })
    for (const text of numbers(1, 5)) {
      yield* it.peer.send(text)
      assert.strictEqual(yield* client.next, text)
    }
    client.ws.terminate()
    return { ...it, shown: credentials(client) }
  })

  it.live("is counted and reported with `drop`", () =>
    Effect.gen(function* () {
      const { is, peer, proxy, receipts, shown } = yield* muted("drop")
      yield* is("ClientAway")
      const back = yield* dial(proxy, shown)
      yield* peer.send("6")
      assert.strictEqual(yield* back.next, "6")
      assert.deepInclude(receipts()[1], { hop: "client", back: true, uncertain: 5, range: [1, 5], outcome: "dropped" })
      assert.deepStrictEqual(uncertain(proxy, "down"), [5, 0, 0])
    }),
  )

  it.live("is sent again with `replay`", () =>
    Effect.gen(function* () {
      const { is, peer, proxy, receipts, shown } = yield* muted("replay")
      yield* is("ClientAway")
      yield* peer.send("6")
      const back = yield* dial(proxy, shown)
      for (const text of numbers(1, 6)) assert.strictEqual(yield* back.next, text)
      assert.deepInclude(receipts()[1], { hop: "client", back: true, uncertain: 5, outcome: "replayed" })
    }),
  )

  it.live("ends the session with `fail`", () =>
    Effect.gen(function* () {
      const { peer, proxy } = yield* muted("fail")
      assert.deepStrictEqual(yield* peer.closed, { code: 1011, reason: "5 unconfirmed" })
      assert.deepStrictEqual(uncertain(proxy, "down"), [0, 0, 5])
    }),
  )
})

describe("the receipts of a session", () => {
  it.live("are told to who asks for that session, the last sixteen, and go with it", () =>
    Effect.gen(function* () {
      const { client, empty, peer, proxy, receipts, up } = yield* session({ backoff })
      let last = peer
      for (let round = 0; round < 20; round++) {
        last.ws.terminate()
        last = yield* up.accepted
        yield* client.send(`${round}`)
        assert.strictEqual(yield* last.next, `${round}`)
      }
      const details = () =>
        [...Context.get(proxy.context, Telemetry.Telemetry).probes()]
          .filter((probe) => probe.row()._tag === "Session")
          .map((probe) => probe.detail?.())
      assert.strictEqual(receipts().length, 20)
      assert.deepStrictEqual(details(), [{ receipts: receipts().slice(4) }])
      client.ws.close(1000)
      yield* empty
      assert.deepStrictEqual(details(), [])
    }),
  )

  it.live("of a hop that was not away are none, also when it was reset in the middle of a message", () =>
    Effect.gen(function* () {
      const { accept, client, peer, receipts } = yield* mute("drop")
      peer.write(serverFrame("whole"), serverFrame("half").subarray(0, 3))
      assert.strictEqual(yield* client.next, "whole")
      assert.deepStrictEqual(receipts(), [])
      peer.reset()
      const again = yield* accept
      again.write(serverFrame("next"))
      assert.strictEqual(yield* client.next, "next")
      assert.deepInclude(receipts()[0], { uncertain: 0, held: 0, lost: 0 })
    }),
  )
})
