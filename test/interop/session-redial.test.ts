import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { eventually } from "./kit/eventually.ts"
import { connect, type Peer, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"
import { credentials, refused, resume, session } from "./kit/sessions.ts"

const backoff = Schedule.spaced("20 millis")

// An upstream whose answers to dials are up to the test: a status, or a 101.
const moody = Effect.fnUntraced(function* (options: Parameters<typeof proxied>[0] | object = {}) {
  let answer: { readonly status: number; readonly headers?: Record<string, string> } = { status: 101 }
  const dials: Array<number> = []
  const up = yield* upstream({
    verifyClient: (_, done) => {
      dials.push(performance.now())
      done(answer.status === 101, answer.status, "no", answer.headers ?? {})
    },
  })
  const proxy = yield* proxied({ backoff, ...options, upstream: up.url })
  const client = yield* connect(proxy.url)
  const peer = yield* up.accepted
  const answers = (status: number, headers?: Record<string, string>) => {
    answer = headers === undefined ? { status } : { status, headers }
  }
  return { up, proxy, client, peer, dials, answers }
})

const losses: Readonly<Record<string, (peer: Peer) => void>> = {
  "is gone without a word": (peer) => peer.ws.terminate(),
  "goes away with 1001": (peer) => peer.ws.close(1001),
  "restarts with 1012": (peer) => peer.ws.close(1012),
  "asks to try again later with 1013": (peer) => peer.ws.close(1013),
  "has lost what is behind it, with 1014": (peer) => peer.ws.close(1014),
}

describe("an upstream that is lost", () => {
  for (const [how, leave] of Object.entries(losses)) {
    it.live(`because it ${how} is dialled again; its client notices nothing, and nothing is lost in between`, () =>
      Effect.gen(function* () {
        const { client, hold, is, peer, proxy, receipts, up } = yield* session({ backoff })
        const release = yield* hold
        yield* client.send("one")
        assert.strictEqual(yield* peer.next, "one")
        leave(peer)
        yield* peer.closed
        yield* is("UpstreamAway")
        for (let at = 0; at < 100; at++) client.ws.send(`while away ${at}`)
        yield* eventually(() => proxy.metrics()['holdfast_buffer_messages{direction="up"}'] === 100)
        release()
        const again = yield* up.accepted
        for (let at = 0; at < 100; at++) assert.strictEqual(yield* again.next, `while away ${at}`)
        yield* again.send("back")
        assert.strictEqual(yield* client.next, "back")
        assert.strictEqual(again.http.url, peer.http.url)
        assert.strictEqual(again.http.headers["x-connection-id"], peer.http.headers["x-connection-id"])
        assert.strictEqual(client.ws.readyState, client.ws.OPEN)
        const [receipt] = receipts()
        assert.deepInclude(receipt, { hop: "upstream", back: true, held: 100, lost: 0 })
        assert.isAtLeast(receipt!.dials, 1)
        assert.strictEqual(proxy.metrics()['holdfast_messages_total{direction="up",outcome="lost"}'], 0)
      }),
    )

    it.live(`because it ${how} ends the session at once if that is what is wanted`, () =>
      Effect.gen(function* () {
        const { client, peer, proxy, up } = yield* session({ onUpstreamLoss: "close" })
        leave(peer)
        const { code } = yield* client.closed
        assert.include([1001, 1012, 1013, 1014], code)
        yield* eventually(() => proxy.rows("Session").length === 0)
        assert.strictEqual(up.server.clients.size, 0)
        assert.strictEqual((yield* refused(proxy, credentials(client))).status, 404)
      }),
    )
  }

  it.live("while its client is away too is dialled all the same, and both find each other again", () =>
    Effect.gen(function* () {
      const { client, is, peer, proxy, up } = yield* session({ backoff })
      client.ws.terminate()
      yield* is("ClientAway")
      peer.ws.terminate()
      const again = yield* up.accepted
      yield* again.send("hello")
      const back = yield* resume(proxy, client)
      assert.strictEqual(yield* back.next, "hello")
    }),
  )
})

describe("a goodbye of the upstream that is no loss", () => {
  it.live("is passed on as it is, and nobody dials again", () =>
    Effect.gen(function* () {
      const { answers, proxy, up } = yield* moody()
      answers(101)
      for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4409, 4999]) {
        const client = yield* connect(proxy.url)
        const peer = yield* up.accepted
        peer.ws.close(code, "enough")
        assert.deepStrictEqual(yield* client.closed, { code, reason: "enough" })
      }
      const client = yield* connect(proxy.url)
      const peer = yield* up.accepted
      peer.ws.close()
      assert.deepStrictEqual(yield* client.closed, { code: 1005, reason: "" })
      yield* eventually(() => up.server.clients.size === 1)
    }),
  )

  it.live("behind a protocol error is the code that error stands for", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, backoff })
      const joining = yield* Effect.forkChild(connect(proxy.url))
      const peer = yield* Raw.accept(up)
      const client = yield* Fiber.join(joining)
      peer.write(Buffer.from([0xc1, 0x00]))
      const { code, reason } = yield* client.closed
      assert.strictEqual(code, 1002)
      assert.include(reason, "upstream broke the protocol")
      assert.strictEqual(up.count(), 1)
    }),
  )
})

describe("a lost upstream that does not come back", () => {
  it.live("in time: its client gets 1014, what had waited is counted as lost, and the dialling stops", () =>
    Effect.gen(function* () {
      const { answers, client, dials, peer, proxy } = yield* moody({ upstreamRetryBudget: "300 millis" })
      answers(503)
      peer.ws.terminate()
      yield* eventually(() => dials.length > 1)
      for (let at = 0; at < 5; at++) client.ws.send(`${at}`)
      assert.deepStrictEqual(yield* client.closed, { code: 1014, reason: "upstream gone" })
      yield* eventually(() => proxy.rows("Session").length === 0)
      const made = dials.length
      yield* Effect.sleep("100 millis") // five more dials, if anybody still dialled
      assert.strictEqual(dials.length, made)
      assert.strictEqual(proxy.metrics()['holdfast_messages_total{direction="up",outcome="lost"}'], 5)
      assert.strictEqual((yield* refused(proxy, credentials(client))).status, 404)
    }),
  )

  it.live(
    "for long enough to be worth anything: one that is lost again at once, each time, is given up in time too",
    () =>
      Effect.gen(function* () {
        const { client, peer, up } = yield* session({ backoff, upstreamRetryBudget: "300 millis" })
        up.server.on("connection", (ws) => ws.terminate())
        peer.ws.terminate()
        assert.deepStrictEqual(yield* client.closed, { code: 1014, reason: "upstream gone" })
      }),
  )

  it.live("because nobody listens there any more: likewise", () =>
    Effect.gen(function* () {
      const { client, peer, up } = yield* session({ backoff, upstreamRetryBudget: "200 millis" })
      up.server.close()
      peer.ws.terminate()
      assert.deepStrictEqual(yield* client.closed, { code: 1014, reason: "upstream gone" })
    }),
  )

  for (const status of [301, 307, 400, 401, 403, 404, 409, 410, 426]) {
    it.live(`but answers ${status}: its client gets 1008, and nobody dials again`, () =>
      Effect.gen(function* () {
        const { answers, client, dials, peer } = yield* moody()
        answers(status)
        peer.ws.terminate()
        assert.deepStrictEqual(yield* client.closed, { code: 1008, reason: `upstream refused: ${status}` })
        assert.strictEqual(dials.length, 2)
      }),
    )
  }

  for (const status of [408, 425, 429, 500, 502, 503, 504]) {
    it.live(`but answers ${status} for a while is dialled until it does`, () =>
      Effect.gen(function* () {
        const { answers, client, dials, peer, up } = yield* moody()
        answers(status)
        peer.ws.terminate()
        yield* eventually(() => dials.length > 3)
        answers(101)
        const again = yield* up.accepted
        yield* client.send("hello")
        assert.strictEqual(yield* again.next, "hello")
      }),
    )
  }

  it.live("but says when to come again is not asked before", () =>
    Effect.gen(function* () {
      const { answers, client, dials, peer, up } = yield* moody()
      answers(503, { "retry-after": "1" })
      peer.ws.terminate()
      yield* eventually(() => dials.length === 2)
      answers(101)
      const again = yield* up.accepted
      const [, refusal, success] = dials
      assert.isAtLeast(success! - refusal!, 990)
      yield* client.send("hello")
      assert.strictEqual(yield* again.next, "hello")
    }),
  )

  it.live("but speaks another subprotocol: its client gets 1011", () =>
    Effect.gen(function* () {
      let choice = "one"
      const up = yield* upstream({ handleProtocols: () => choice })
      const proxy = yield* proxied({ upstream: up.url, backoff })
      const client = yield* connect(proxy.url, ["one", "two"])
      const peer = yield* up.accepted
      choice = "two"
      peer.ws.terminate()
      assert.deepStrictEqual(yield* client.closed, { code: 1011, reason: "upstream chose another subprotocol" })
    }),
  )
})
