import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { eventually } from "./kit/eventually.ts"
import { closing, frame, opcode, serverFrame } from "./kit/frames.ts"
import { connect, type Peer, type Refusal } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"
import { credentials, proxying, refused, resume, session } from "./kit/sessions.ts"
import { KiB, MiB } from "./kit/sizes.ts"

const later = ({ headers, status }: Refusal) => [status, headers["retry-after"]]

describe("the places of sessions", () => {
  it.live("are kept for clients that may come back, and for nobody else", () =>
    Effect.gen(function* () {
      const { client, empty, is, peer, proxy } = yield* session({ maxSessions: 1, linger: "300 millis" })
      client.ws.terminate()
      yield* is("ClientAway")
      assert.deepStrictEqual(later(yield* refused(proxy, {})), [503, "1"])
      const back = yield* resume(proxy, client)
      assert.deepStrictEqual(later(yield* refused(proxy, {})), [503, "1"])
      back.ws.terminate()
      yield* peer.closed
      yield* empty
      yield* connect(proxy.url)
    }),
  )
})

describe("the memory of all sessions", () => {
  // So much is held for a client that is away.
  const hold = Effect.fnUntraced(function* (peer: Peer, bytes: number) {
    for (let at = 0; at < bytes; at += 64 * KiB) yield* peer.send(Buffer.alloc(64 * KiB))
  })
  const options = { memory: "8MiB", bufferBytes: "8MiB", bufferMessages: 10_000 } as const
  const held = (rows: () => ReadonlyArray<{ readonly bufferedBytes: number }>) =>
    rows().reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0)

  it.live("from 80 % on lets nobody new in, but those that come back", () =>
    Effect.gen(function* () {
      const { client, is, peer, proxy, rows } = yield* session(options)
      client.ws.terminate()
      yield* is("ClientAway")
      yield* hold(peer, 6 * MiB)
      yield* eventually(() => held(rows) >= 6 * MiB)
      yield* Effect.scoped(connect(proxy.url))
      yield* hold(peer, MiB)
      yield* eventually(() => held(rows) >= 7 * MiB)
      assert.deepStrictEqual(later(yield* refused(proxy, {})), [503, "1"])
      const back = yield* resume(proxy, client)
      for (let at = 0; at < 7 * 16; at++) yield* back.next
      yield* eventually(() => held(rows) === 0)
      yield* connect(proxy.url)
    }),
  )

  it.live("when it is full sends the session with a missing hop away that holds most: 1013, and a 404", () =>
    Effect.gen(function* () {
      const { is, join, proxy, rows } = yield* proxying(options)
      const [one, two, three] = [yield* join, yield* join, yield* join]
      one.client.ws.terminate()
      two.client.ws.terminate()
      yield* is("ClientAway")
      yield* eventually(() => rows()[1]?.state === "ClientAway")
      yield* hold(one.peer, 2 * MiB)
      yield* hold(two.peer, 5 * MiB)
      yield* eventually(() => held(rows) >= 7 * MiB)
      // One more message, large enough to count before it is whole.
      three.client.ws.send(Buffer.alloc(4 * MiB))
      assert.deepStrictEqual(yield* two.peer.closed, { code: 1013, reason: "proxy is out of memory" })
      assert.strictEqual((yield* three.peer.next).length, 4 * MiB)
      assert.strictEqual((yield* refused(proxy, credentials(two.client))).status, 404)
      const back = yield* resume(proxy, one.client)
      for (let at = 0; at < 2 * 16; at++) yield* back.next
      assert.strictEqual(rows().length, 2)
    }),
  )
})

describe("control frames", () => {
  const ping = (masked: boolean) => frame("x", { opcode: opcode.ping, masked })
  const pong = (masked: boolean) => frame("x", { opcode: opcode.pong, masked })
  const flood = (of: Buffer, count: number) => Buffer.concat(Array.from({ length: count }, () => of))

  for (const [what, of] of [
    ["Pings", ping],
    ["Pongs that nobody asked for", pong],
  ] as const) {
    it.live(`of a client that are too many, ${what}, end its session with 1008; as many as are allowed do not`, () =>
      Effect.gen(function* () {
        const { empty, proxy, up } = yield* proxying()
        const client = yield* Raw.joined(proxy.address)
        const peer = yield* up.accepted
        client.write(flood(of(true), 50), frame("still here"))
        assert.strictEqual(yield* peer.next, "still here")
        client.write(flood(of(true), 30))
        const closed = yield* Effect.repeat(client.frame, { while: ({ opcode: kind }) => kind !== opcode.close })
        assert.strictEqual(closed.payload.readUInt16BE(0), 1008)
        client.write(frame(closing(1008), { opcode: opcode.close }))
        assert.strictEqual((yield* peer.closed).code, 1001)
        yield* empty
      }),
    )
  }

  it.live("of an upstream that are too many end the session with 1008 for both", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url })
      const [client, peer] = yield* Effect.all([connect(proxy.url), Raw.accept(up)], { concurrency: 2 })
      peer.write(flood(ping(false), 80), serverFrame("not heard any more"))
      const closed = yield* Effect.repeat(peer.frame, { while: ({ opcode: kind }) => kind !== opcode.close })
      assert.strictEqual(closed.payload.readUInt16BE(0), 1008)
      peer.reset()
      assert.strictEqual((yield* client.closed).code, 1008)
      assert.strictEqual(up.count(), 1)
    }),
  )
})

describe("failed resumes", () => {
  it.live(
    "are 404 fifty times at once from one address, then 429; newcomers, and those with the right token, are let in",
    () =>
      Effect.gen(function* () {
        const { client, peer, proxy } = yield* session()
        const guess = { "x-reconnect-id": credentials(client)["x-reconnect-id"], "x-resume-token": "guess" }
        const tries = Array.from({ length: 70 }, () => refused(proxy, guess))
        const statuses = (yield* Effect.all(tries, { concurrency: 10 })).map(({ status }) => status)
        const count = (status: number) => statuses.filter((one) => one === status).length
        assert.strictEqual(count(404) + count(429), 70)
        assert.isAtLeast(count(404), 50)
        assert.isAtLeast(count(429), 5)
        assert.deepStrictEqual(later(yield* refused(proxy, guess)), [429, "1"])
        const [fresh, back] = [yield* Effect.exit(connect(proxy.url)), yield* Effect.exit(resume(proxy, client))]
        assert.isTrue(Exit.isSuccess(fresh))
        if (Exit.isSuccess(back)) yield* back.value.send("back")
        assert.strictEqual(yield* peer.next, "back")
      }),
  )
})
