import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { eventually } from "./kit/eventually.ts"
import { connect, type Peer, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import { credentials, heard, resume, session, talk } from "./kit/restartable.ts"

// The defects of ws-reconnect-proxy, numbered as in its description: none of them may exist here.

const often = { backoff: Schedule.spaced("10 millis") }

const relayed = Effect.fnUntraced(function* (from: Peer, to: Peer, messages: ReadonlyArray<string | Buffer>) {
  for (const message of messages) from.ws.send(message)
  for (const message of messages) assert.deepStrictEqual(yield* to.next, message)
})

describe("regressions: what the messages are", () => {
  const bytes = [Buffer.from([0, 1, 255]), Buffer.alloc(0), Buffer.from("PROXY_RESTART"), Buffer.alloc(70_000, 7)]
  // As a protocol for resuming would begin: here it is payload like any other.
  const hello = Buffer.from('\u0003{"v":1,"resume":{"sid":"x","token":"y","recv":0},"onResumeFail":"new"}')
  const mixed = ["before", hello, ...bytes, "between", Buffer.from('RECONNECT {"reconnectId":"x"}'), "after"]
  it.live("B3: binary ones arrive as they are, either way, and so do those behind them", () =>
    Effect.gen(function* () {
      const { client, peer, turned, proxy } = yield* session()
      yield* relayed(peer, client, mixed)
      yield* relayed(client, peer, mixed)
      client.ws.terminate()
      yield* turned("ClientAway")
      for (const message of mixed) yield* peer.send(message)
      const back = yield* resume(proxy.url, client)
      for (const message of mixed) assert.deepStrictEqual(yield* back.next, message)
      assert.deepStrictEqual(yield* talk(back, peer), heard)
    }),
  )

  const info = 'RECONNECT {"reconnectId":"x"}'
  const words = [info, "RECONNECTED ok", "RECONNECT", "PROXY_RESTART", "PROXY_LOCKED", "Service Restart", info]
  it.live("B12: words of the proxy are payload like any other, and stop nothing, either way", () =>
    Effect.gen(function* () {
      const { client, peer, proxy, turned, up } = yield* session(often)
      yield* relayed(peer, client, words)
      yield* relayed(client, peer, words)
      client.ws.terminate()
      yield* turned("ClientAway")
      for (const word of words) yield* peer.send(word)
      const back = yield* resume(proxy.url, client)
      for (const word of words) assert.strictEqual(yield* back.next, word)
      peer.ws.terminate()
      const again = yield* up.accepted
      assert.notProperty(again.http.headers, "x-reconnect")
      assert.deepStrictEqual(yield* talk(back, again), heard)
      assert.strictEqual(
        (yield* Effect.flip(connect(proxy.url, [], { headers: { "x-reconnect-id": "x" } }))).status,
        404,
      )
    }),
  )

  it.live("B8: what comes while the client is away waits for it, whatever it says", () =>
    Effect.gen(function* () {
      const { client, peer, proxy, turned } = yield* session()
      client.ws.terminate()
      yield* turned("ClientAway")
      const missed = ["m0", info, "m1", "PROXY_RESTART", "m2"]
      for (const message of missed) yield* peer.send(message)
      const back = yield* resume(proxy.url, client)
      for (const message of missed) assert.strictEqual(yield* back.next, message)
      assert.deepStrictEqual(yield* talk(back, peer), heard)
    }),
  )
})

describe("regressions: messages that were sent and not received when a connection broke", () => {
  const count = 2000
  const pad = "x".repeat(1000)
  const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)
  const burst = (from: Peer, first: number, last: number) =>
    numbers(first, last).forEach((at) => from.ws.send(`${at} ${pad}`))

  // What it receives until it stops reading, in the middle of everything.
  const halfway = (to: Peer) => {
    const received: Array<number> = []
    to.ws.on("message", (data: Buffer) => {
      received.push(Number.parseInt(`${data}`, 10))
      if (received.length === 100) to.ws.pause()
    })
    return received
  }
  const allTo = Effect.fnUntraced(function* (to: Peer, last: number) {
    const received: Array<number> = []
    while (received.at(-1) !== last) received.push(Number.parseInt(`${yield* to.next}`, 10))
    return received
  })

  // Breaks one hop in the middle of a burst towards it: what was received before, what after, and what the proxy said about it.
  const broken = Effect.fnUntraced(function* (hop: "client" | "upstream", uncertain: "drop" | "replay") {
    const { client, peer, proxy, turned, up } = yield* session({ ...often, uncertain })
    const [from, to, direction] = hop === "client" ? [peer, client, "down"] : [client, peer, "up"]
    const metric = (name: string, outcome: string) =>
      proxy.metrics()[`holdfast_messages${name}_total{direction="${direction}",outcome="${outcome}"}`] ?? 0
    const before = halfway(to)
    burst(from, 1, count)
    yield* eventually(() => metric("", "sent") >= 1000)
    to.ws.terminate()
    burst(from, count + 1, count + 100)
    yield* to.closed
    if (hop === "client") yield* turned("ClientAway")
    const after = yield* allTo(hop === "client" ? yield* resume(proxy.url, client) : yield* up.accepted, count + 100)
    const receipt = yield* proxy.event("Receipt")
    assert("range" in receipt && Array.isArray(receipt.range))
    const [first, last]: ReadonlyArray<number> = receipt.range
    return { before, after, first: first!, last: last!, counted: (outcome: string) => metric("_uncertain", outcome) }
  })

  for (const hop of ["client", "upstream"] as const) {
    it.live(`B9: towards the ${hop} are a known set, and nothing else is lost`, () =>
      Effect.gen(function* () {
        const { after, before, counted, first, last } = yield* broken(hop, "drop")
        assert.deepStrictEqual(before, numbers(1, before.length))
        assert.isAtMost(first, before.length + 1)
        assert.isAbove(last, before.length)
        assert.deepStrictEqual(after, numbers(last + 1, count + 100))
        assert.strictEqual(counted("dropped"), last - first + 1)
      }),
    )

    it.live(`B9: towards the ${hop} are sent again where that was asked for, and nothing is lost`, () =>
      Effect.gen(function* () {
        const { after, before, counted, first, last } = yield* broken(hop, "replay")
        assert.isAtMost(first, before.length + 1)
        assert.deepStrictEqual(after, numbers(first, count + 100))
        assert.strictEqual(counted("replayed"), last - first + 1)
      }),
    )
  }
})

describe("regressions: what is agreed at the ends", () => {
  for (const code of [1008, 1011, 3000, 4001]) {
    it.live(`B13: ${code} of the upstream reaches the client with its reason`, () =>
      Effect.gen(function* () {
        const { client, peer } = yield* session()
        peer.ws.close(code, "because")
        assert.deepStrictEqual(yield* client.closed, { code, reason: "because" })
      }),
    )
  }

  it.live("B13: so does 1013 where the upstream is not dialled again", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session({ onUpstreamLoss: "close" })
      peer.ws.close(1013, "because")
      assert.deepStrictEqual(yield* client.closed, { code: 1013, reason: "because" })
    }),
  )

  it.live("B13: a goodbye of the client reaches the upstream at once, not after the linger", () =>
    Effect.gen(function* () {
      const { client, join, peer } = yield* session({ linger: "10 minutes" })
      client.ws.close(1000, "done")
      assert.deepStrictEqual(yield* peer.closed, { code: 1000, reason: "done" })
      const other = yield* join()
      other.client.ws.close(4001, "done")
      assert.deepStrictEqual(yield* other.peer.closed, { code: 4001, reason: "done" })
    }),
  )

  it.live("B14: the subprotocol is the one the upstream chose, also when either comes back", () =>
    Effect.gen(function* () {
      const up = yield* upstream({ handleProtocols: () => "two" })
      const proxy = yield* proxied({ upstream: up.url, ...often })
      const client = yield* connect(proxy.url, ["one", "two"])
      const peer = yield* up.accepted
      assert.strictEqual(client.ws.protocol, "two")
      assert.strictEqual(peer.http.headers["sec-websocket-protocol"], "one, two")
      assert.deepStrictEqual(yield* talk(client, peer), heard)
      peer.ws.terminate()
      const again = yield* up.accepted
      assert.deepStrictEqual(yield* talk(client, again), heard)
      const back = yield* connect(proxy.url, ["one", "two"], { headers: credentials(client) })
      assert.strictEqual(back.ws.protocol, "two")
      assert.deepStrictEqual(yield* talk(back, again), heard)
    }),
  )
})
