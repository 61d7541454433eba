import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { eventually } from "./kit/eventually.ts"
import { frame } from "./kit/frames.ts"
import type { Peer } from "./kit/peers.ts"
import * as Raw from "./kit/raw.ts"
import { credentials, proxying, refused, resume, session } from "./kit/sessions.ts"

const texts = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `message ${from + at}`)

const sendAll = (peer: Peer, messages: ReadonlyArray<string>) => {
  for (const message of messages) peer.ws.send(message)
}

const expectAll = Effect.fnUntraced(function* (peer: Peer, messages: ReadonlyArray<string>) {
  for (const message of messages) assert.strictEqual(yield* peer.next, message)
})

describe("a client that does not come back in time", () => {
  for (const [how, leave] of [
    ["vanished", (client: Peer) => client.ws.terminate()],
    ["went away with 1001", (client: Peer) => client.ws.close(1001, "another page")],
  ] as const) {
    it.live(`and ${how} ends its session: the upstream gets 1001, its token is a 404`, () =>
      Effect.gen(function* () {
        const { client, empty, peer, proxy, receipts } = yield* session({ linger: "150 millis" })
        leave(client)
        assert.deepStrictEqual(yield* peer.closed, { code: 1001, reason: "client gone" })
        yield* empty
        assert.strictEqual((yield* refused(proxy, credentials(client))).status, 404)
        const [receipt] = receipts()
        assert.deepInclude(receipt, { hop: "client", back: false, lost: 0, uncertain: 0, range: null, dials: 0 })
        assert.isAtLeast(receipt!.awayMillis, 150)
      }),
    )
  }

  it.live("leaves a receipt of what was held for it, and it is counted as lost", () =>
    Effect.gen(function* () {
      const { client, empty, is, peer, proxy, receipts } = yield* session({ linger: "150 millis" })
      client.ws.terminate()
      yield* is("ClientAway")
      sendAll(peer, texts(0, 7))
      yield* peer.closed
      yield* empty
      assert.deepInclude(receipts()[0], { back: false, held: 0, lost: 7, uncertain: 0 })
      assert.strictEqual(proxy.metrics()['holdfast_messages_total{direction="down",outcome="lost"}'], 7)
    }),
  )

  it.live("ends its session also when the upstream has been stopped by then, and says more than is held", () =>
    Effect.gen(function* () {
      const { client, empty, is, peer, proxy } = yield* session({ linger: "300 millis", bufferBytes: "64KiB" })
      client.ws.terminate()
      yield* is("ClientAway")
      for (let at = 0; at < 256; at++) peer.ws.send(Buffer.alloc(64 * 1024))
      assert.deepStrictEqual(yield* peer.closed, { code: 1001, reason: "client gone" })
      yield* empty
      assert.strictEqual(proxy.metrics()['holdfast_buffer_bytes{direction="down"}'], 0)
    }),
  )

  it.live("after it had come back: each time it has all of the time", () =>
    Effect.gen(function* () {
      const { client, is, peer, proxy } = yield* session({ linger: "300 millis" })
      let last = client
      for (let round = 0; round < 4; round++) {
        last.ws.terminate()
        yield* is("ClientAway")
        yield* Effect.sleep("150 millis") // half of its time
        last = yield* resume(proxy, last)
        yield* is("Active")
      }
      yield* last.send("still here")
      assert.strictEqual(yield* peer.next, "still here")
    }),
  )

  it.live("is not waited for at all when the session need not linger", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* session({ linger: 0 })
      client.ws.terminate()
      assert.deepStrictEqual(yield* peer.closed, { code: 1001, reason: "client gone" })
    }),
  )
})

describe("a client that says goodbye", () => {
  it.live("with any code but 1001 is not waited for: the upstream gets the code at once, the token is a 404", () =>
    Effect.gen(function* () {
      const { join, proxy, receipts } = yield* proxying()
      for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000, 4999]) {
        const { client, peer } = yield* join
        client.ws.close(code, "enough")
        assert.deepStrictEqual(yield* peer.closed, { code, reason: "enough" })
        assert.strictEqual((yield* refused(proxy, credentials(client))).status, 404)
      }
      const { client, peer } = yield* join
      client.ws.close()
      assert.deepStrictEqual(yield* peer.closed, { code: 1005, reason: "" })
      assert.strictEqual((yield* refused(proxy, credentials(client))).status, 404)
      assert.deepStrictEqual(receipts(), [])
    }),
  )

  it.live("by breaking the protocol is told why, and not waited for", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* proxying()
      const client = yield* Raw.dial(proxy.address)
      client.write(Raw.upgradeRequest())
      const answer = yield* Raw.answer(client)
      const peer = yield* up.accepted
      client.write(frame("x", { reserved: 0x40 }))
      const closed = yield* peer.closed
      assert.strictEqual(closed.code, 1001)
      assert.include(closed.reason, "client broke the protocol")
      assert.strictEqual((yield* client.frame).payload.readUInt16BE(0), 1002)
      const headers = {
        "x-reconnect-id": `${answer.header("x-connection-id")}`,
        "x-resume-token": `${answer.header("x-resume-token")}`,
      }
      assert.strictEqual((yield* refused(proxy, headers)).status, 404)
      client.reset()
    }),
  )
})

describe("what the upstream says while its client is away", () => {
  it.live("is held and delivered in order when it is back, before what is said then", () =>
    Effect.gen(function* () {
      const { client, is, peer, proxy, receipts } = yield* session()
      sendAll(peer, texts(0, 10))
      yield* expectAll(client, texts(0, 10))
      client.ws.terminate()
      yield* is("ClientAway")
      sendAll(peer, texts(10, 500))
      peer.ws.send(Buffer.from("binary"))
      yield* eventually(() => proxy.metrics()['holdfast_buffer_messages{direction="down"}'] === 491)
      const back = yield* resume(proxy, client)
      sendAll(peer, texts(500, 600))
      yield* expectAll(back, texts(10, 500))
      assert.deepStrictEqual(yield* back.next, Buffer.from("binary"))
      yield* expectAll(back, texts(500, 600))
      assert.deepInclude(receipts()[0], { hop: "client", back: true, held: 491, lost: 0 })
      assert.strictEqual(proxy.metrics()['holdfast_buffer_messages{direction="down"}'], 0)
    }),
  )

  it.live("is lost with it when it ends for good: the session is over, and its resume a 404", () =>
    Effect.gen(function* () {
      for (const code of [1000, 1008, 1011, 4001]) {
        const { client, empty, is, peer, proxy } = yield* session()
        client.ws.terminate()
        yield* is("ClientAway")
        yield* peer.send("last words")
        peer.ws.close(code)
        yield* empty
        assert.strictEqual((yield* refused(proxy, credentials(client))).status, 404)
        assert.strictEqual(proxy.metrics()['holdfast_messages_total{direction="down",outcome="lost"}'], 1)
      }
    }),
  )
})
