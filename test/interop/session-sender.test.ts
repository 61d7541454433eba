import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { connect } from "./kit/peers.ts"
import { refused, session } from "./kit/sessions.ts"

const backoff = Schedule.spaced("10 millis")
const sender = { mode: "sender", backoff } as const

describe("in the mode `sender`", () => {
  it.live("each client has an upstream of its own, and no token", () =>
    Effect.gen(function* () {
      const { client, peer, proxy, up } = yield* session(sender)
      const other = yield* connect(proxy.url)
      const second = yield* up.accepted
      yield* client.send("one")
      yield* other.send("two")
      assert.deepStrictEqual([yield* peer.next, yield* second.next], ["one", "two"])
      assert.notProperty(client.http.headers, "x-resume-token")
      assert.strictEqual(client.http.headers["x-connection-id"], peer.http.headers["x-connection-id"])
    }),
  )

  for (const [how, leave, code, reason] of [
    ["vanishes", (ws: { terminate: () => void }) => ws.terminate(), 1001, "client gone"],
    ["goes away", (ws: { close: (code: number, why: string) => void }) => ws.close(1001, "bye"), 1001, "bye"],
  ] as const) {
    it.live(`a client that ${how} is not waited for: its upstream is told, its id is a 404`, () =>
      Effect.gen(function* () {
        const { client, empty, peer, proxy } = yield* session(sender)
        leave(client.ws)
        assert.deepStrictEqual(yield* peer.closed, { code, reason })
        yield* empty
        const id = `${client.http.headers["x-connection-id"]}`
        assert.strictEqual((yield* refused(proxy, { "x-reconnect-id": id })).status, 404)
      }),
    )
  }

  it.live("what was sent to a client that vanished and not confirmed is in a receipt all the same", () =>
    Effect.gen(function* () {
      const { client, empty, peer, receipts } = yield* session(sender)
      yield* peer.send("perhaps")
      assert.strictEqual(yield* client.next, "perhaps")
      client.ws.terminate()
      yield* empty
      assert.strictEqual(receipts().length, 1)
      assert.deepInclude(receipts()[0], { hop: "client", back: false, range: [1, 1], outcome: "dropped" })
    }),
  )

  it.live("a lost upstream is dialled again, and what the client says meanwhile is held", () =>
    Effect.gen(function* () {
      const { client, hold, is, peer, up } = yield* session(sender)
      const release = yield* hold
      peer.ws.terminate()
      yield* is("UpstreamAway")
      for (const text of ["one", "two"]) yield* client.send(text)
      release()
      const again = yield* up.accepted
      for (const text of ["one", "two"]) assert.strictEqual(yield* again.next, text)
    }),
  )
})
