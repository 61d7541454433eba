/**
 * What each fault is to real TCP peers.
 */
import * as Net from "node:net"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe } from "@effect/vitest"
import { Effect, Exit, References, Scope } from "effect"
import { eventually } from "./kit/eventually.ts"
import { bytes, faulty, flood, settled, text, took, works } from "./kit/faulty.ts"
import { pacedTest } from "./kit/paced.ts"

const within = (millis: number, from: number, to: number) =>
  assert.isTrue(millis >= from && millis < to, `${millis} ms, not ${from} to ${to}`)

// Bytes in buffers that somebody still has.
const held = () => {
  setFlagsFromString("--expose-gc")
  runInNewContext("gc")()
  return process.memoryUsage().arrayBuffers
}

describe("bytes that come late or slowly", () => {
  pacedTest("latency delays each way, keeps the order, and can be one-sided", () =>
    Effect.gen(function* () {
      const { fault, join } = yield* faulty()
      const { client, peer } = yield* join
      yield* fault("latency:delay=200ms,dir=up")
      const up = took(
        Effect.andThen(
          Effect.sync(() => client.write("a")),
          text(peer, 1),
        ),
      )
      const down = took(
        Effect.andThen(
          Effect.sync(() => peer.write("b")),
          text(client, 1),
        ),
      )
      within(yield* up, 199, 240)
      within(yield* down, 0, 40)
      for (let i = 0; i < 100; i++) client.write(String(i % 10))
      assert.strictEqual(yield* text(peer, 100), "0123456789".repeat(10))
    }),
  )

  pacedTest("jitter draws up to so much more for each read, and never changes the order", () =>
    Effect.gen(function* () {
      const { fault, join } = yield* faulty()
      const { client, peer } = yield* join
      yield* fault("latency:delay=1ms,jitter=30ms")
      for (let i = 0; i < 20; i++) {
        client.write(String(i % 10))
        yield* Effect.sleep("1 millis")
      }
      assert.strictEqual(yield* text(peer, 20), "0123456789".repeat(2))
    }),
  )

  pacedTest("latency does not limit throughput: 8 MiB with 100 ms on the way are no 128 waits", () =>
    Effect.gen(function* () {
      const { fault, join } = yield* faulty()
      const { client, peer } = yield* join
      yield* fault("latency:delay=100ms")
      const block = Buffer.alloc(8 * 1024 * 1024, "x")
      const time = yield* took(
        Effect.andThen(
          Effect.sync(() => client.write(block)),
          flood(peer, block.length),
        ),
      )
      within(time, 99, 1000)
    }),
  )

  pacedTest("bandwidth lets so many bytes through in a second, after a burst", () =>
    Effect.gen(function* () {
      const { fault, join } = yield* faulty()
      const { client, peer } = yield* join
      yield* fault("bandwidth:bytesPerSec=512KiB,burst=128KiB,dir=up")
      client.write(Buffer.alloc(256 * 1024))
      within(yield* took(bytes(peer, 128 * 1024)), 0, 40)
      within(yield* took(bytes(peer, 128 * 1024)), 200, 300)
    }),
  )

  pacedTest("slices come one by one, each about as long as asked for", () =>
    Effect.gen(function* () {
      const { fault, join } = yield* faulty()
      const { client, peer } = yield* join
      const lengths: Array<number> = []
      peer.socket.on("data", ({ length }) => lengths.push(length))
      yield* fault("slice:avg=10B,variation=3B,gap=4ms")
      client.write("y".repeat(100))
      yield* text(peer, 100)
      assert.isAtLeast(lengths.length, 8)
      assert.isTrue(
        lengths.slice(0, -1).every((length) => length >= 7),
        `${lengths}`,
      )
    }),
  )

  pacedTest("slow to accept, slow to close", () =>
    Effect.gen(function* () {
      const { fault, join } = yield* faulty()
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* fault("slowAccept:delay=80ms")
          within(yield* took(join), 79, 120)
        }),
      )
      const { client, peer } = yield* join
      yield* fault("slowClose:delay=80ms")
      client.socket.end("last words")
      assert.strictEqual(yield* text(peer, 10), "last words")
      within(yield* took(peer.closed), 60, 120)
    }),
  )
})

describe("bytes that vanish or change", () => {
  pacedTest("a blackhole leaves both ends open, and resets at its end who has lost something", () =>
    Effect.gen(function* () {
      const { fault, join, open } = yield* faulty()
      const [loser, idle] = [yield* join, yield* join]
      yield* Effect.gen(function* () {
        yield* fault("blackhole:dir=up")
        loser.client.write("never")
        loser.peer.write("this way it is fine")
        assert.strictEqual(yield* text(loser.client, 19), "this way it is fine")
        assert.strictEqual(yield* open, 2)
      }).pipe(Effect.scoped)
      assert.strictEqual(yield* loser.client.closed, "ECONNRESET")
      assert.strictEqual(yield* loser.peer.closed, "ECONNRESET")
      assert.strictEqual(`${loser.peer.rest()}`, "")
      assert.isTrue(yield* works(idle))
    }),
  )

  pacedTest("a blackhole swallows goodbyes: the other end knows of nothing", () =>
    Effect.gen(function* () {
      const { empty, fault, join } = yield* faulty()
      const { client, peer } = yield* join
      yield* Effect.gen(function* () {
        yield* fault("blackhole")
        client.reset()
        yield* Effect.sleep("30 millis")
        assert.isFalse(peer.socket.destroyed)
      }).pipe(Effect.scoped)
      assert.strictEqual(yield* peer.closed, "ECONNRESET")
      yield* empty
    }),
  )

  pacedTest("with keepOpen it stays open and silent, that way", () =>
    Effect.gen(function* () {
      const { fault, join } = yield* faulty()
      const { client, peer } = yield* join
      yield* Effect.gen(function* () {
        yield* fault("blackhole:dir=up,keepOpen")
        client.write("lost")
        peer.write("a")
        yield* text(client, 1)
      }).pipe(Effect.scoped)
      client.write("lost, too")
      peer.write("b")
      assert.strictEqual(yield* text(client, 1), "b")
      assert.strictEqual(`${peer.rest()}`, "")
    }),
  )

  pacedTest("a partition that holds loses nothing, and new connections come about when it is over", () =>
    Effect.gen(function* () {
      const { dial, fault, join, server } = yield* faulty()
      const old = yield* join
      const during = yield* Scope.fork(yield* Effect.scope)
      yield* Scope.provide(fault("partition:hold"), during)
      old.client.write("later")
      const fresh = yield* dial
      fresh.write("first")
      yield* Effect.sleep("30 millis")
      assert.deepStrictEqual([server.count(), `${old.peer.rest()}`], [1, ""])
      yield* Scope.close(during, Exit.void)
      assert.strictEqual(yield* text(old.peer, 5), "later")
      const peer = yield* server.accepted
      assert.strictEqual(yield* text(peer, 5), "first")
      assert.isTrue(yield* works({ client: fresh, peer }))
    }),
  )

  pacedTest("a stall is felt by whoever sends", () =>
    Effect.gen(function* () {
      const { fault, join } = yield* faulty()
      const { client, peer } = yield* join
      const block = Buffer.alloc(32 * 1024 * 1024)
      yield* Effect.gen(function* () {
        yield* fault("stall")
        client.socket.write(block)
        yield* Effect.sleep("100 millis")
        assert.isAbove(client.socket.writableLength, 0)
      }).pipe(Effect.scoped)
      assert.strictEqual((yield* flood(peer, block.length)).length, block.length)
    }),
  )

  pacedTest("a peer that does not read stops the other one, and then gets everything", () =>
    Effect.gen(function* () {
      const { join } = yield* faulty()
      const { client, peer } = yield* join
      const block = Buffer.alloc(32 * 1024 * 1024, "0123456789")
      peer.socket.pause()
      const before = held()
      client.socket.write(block)
      let left = -1
      yield* eventually(() => left === (left = client.socket.writableLength))
      assert.isAbove(left, 0)
      assert.isBelow(held() - before, 1024 * 1024)
      peer.socket.resume()
      assert.isTrue((yield* flood(peer, block.length)).equals(block))
    }),
  )

  pacedTest("corrupt bytes are other bytes, as many, and the same for the same seed", () =>
    Effect.gen(function* () {
      const corrupted = Effect.gen(function* () {
        const { fault, join } = yield* faulty({ seed: 7 })
        const { client, peer } = yield* join
        yield* fault("corrupt:p=0.1,dir=up")
        client.write(Buffer.alloc(10_000))
        return yield* bytes(peer, 10_000)
      })
      const [one, two] = [yield* corrupted, yield* corrupted]
      const hit = one.filter((byte) => byte !== 0).length
      assert.isTrue(hit > 800 && hit < 1200, `${hit}`)
      assert.isTrue(one.equals(two))
    }),
  )
})

describe("connections that end", () => {
  for (const [fault, client, peer] of [
    ["reset", "ECONNRESET", "ECONNRESET"],
    ["reset:after=30ms", "ECONNRESET", "ECONNRESET"],
    ["reset:after=0B", "ECONNRESET", "ECONNRESET"],
    ["cutAt:bytes=0B,dir=down", "", "ECONNRESET"],
    ["closeClean", "", ""],
    ["timeoutClose:after=30ms", "", ""],
  ] as const) {
    pacedTest(`${fault} ends those that are open and those that come, until it is over`, () =>
      Effect.gen(function* () {
        const it = yield* faulty()
        const old = yield* it.join
        yield* Effect.gen(function* () {
          yield* it.fault(fault)
          assert.deepStrictEqual([yield* old.client.closed, yield* old.peer.closed], [client, peer])
          assert.strictEqual(yield* (yield* it.dial).closed, client)
        }).pipe(Effect.scoped)
        yield* it.empty
        while (it.server.open() > 0) yield* Effect.sleep("1 millis")
        const client2 = yield* it.dial
        let last = yield* it.server.accepted
        while (last.socket.destroyed) last = yield* it.server.accepted
        assert.isTrue(yield* works({ client: client2, peer: last }))
      }),
    )
  }

  pacedTest("reset behind so many bytes lets exactly these through", () =>
    Effect.gen(function* () {
      const { fault, join } = yield* faulty()
      const { client, peer } = yield* join
      yield* fault("reset:after=1000B,dir=down")
      peer.write("z".repeat(700))
      assert.strictEqual(yield* text(client, 700), "z".repeat(700))
      peer.write("z".repeat(700))
      assert.strictEqual(yield* client.closed, "ECONNRESET")
      assert.strictEqual(client.rest().length, 300)
      assert.strictEqual(yield* peer.closed, "ECONNRESET")
    }),
  )

  for (const way of ["up", "down"] as const) {
    pacedTest(`cutAt ends the stream ${way} right behind so many bytes, however large the write`, () =>
      Effect.gen(function* () {
        const { empty, fault, join } = yield* faulty()
        const { client, peer } = yield* join
        const [from, to] = way === "up" ? [client, peer] : [peer, client]
        yield* fault(`cutAt:bytes=100000B,dir=${way}`)
        from.write(Buffer.alloc(1_000_000, "q"))
        assert.strictEqual(yield* to.closed, "")
        assert.strictEqual(to.rest().length, 100_000)
        assert.match(yield* from.closed, /^(ECONNRESET|EPIPE)$/)
        yield* empty
      }),
    )
  }

  pacedTest("cutAt behind so many messages, lostAck right before one", () =>
    Effect.gen(function* () {
      const { fault, join } = yield* faulty()
      const answers = Effect.fnUntraced(function* (text: string) {
        const { client, peer } = yield* join
        yield* fault(text)
        peer.socket.on("data", (data: Buffer) => peer.socket.write(`ok ${data};`))
        for (let at = 1; !client.socket.destroyed && at < 9; at++) {
          client.write(String(at))
          yield* Effect.raceFirst(
            client.closed,
            eventually(() => client.rest().length >= 5 * at),
          )
        }
        return `${client.rest()}`
      }, Effect.scoped)
      assert.strictEqual(yield* answers("cutAt:frame=2,dir=down"), "ok 1;ok 2;")
      assert.strictEqual(yield* answers("lostAck:nth=2"), "ok 1;")
    }),
  )

  pacedTest(
    "refuse closes the port, keeps what is open, and opens the same port again, when the last of several is over",
    () =>
      Effect.gen(function* () {
        const { dial, fault, join } = yield* faulty()
        const old = yield* join
        const [first, second] = [yield* Scope.fork(yield* Effect.scope), yield* Scope.fork(yield* Effect.scope)]
        for (const scope of [first, second]) yield* Scope.provide(fault("refuse"), scope)
        assert.strictEqual(yield* (yield* dial).closed, "ECONNREFUSED")
        assert.isTrue(yield* works(old))
        yield* Scope.close(first, Exit.void)
        assert.strictEqual(yield* (yield* dial).closed, "ECONNREFUSED")
        yield* Scope.close(second, Exit.void)
        assert.isTrue(yield* works(yield* join))
      }),
  )

  pacedTest("refuse gives a port that somebody took meanwhile another try, until it is free", () =>
    Effect.gen(function* () {
      const { address, dial, fault, join, server } = yield* faulty()
      const [host, port] = address.split(":")
      const during = yield* Scope.fork(yield* Effect.scope)
      yield* Scope.provide(fault("refuse"), during)
      const thief = Net.createServer((socket) => socket.on("error", () => {}))
      yield* Effect.callback<void>((resume) => void thief.listen(Number(port), host, () => resume(Effect.void)))
      yield* Scope.close(during, Exit.void)
      yield* Effect.callback<void>((resume) => void thief.close(() => resume(Effect.void)))
      while ((yield* settled(yield* dial)) === "ECONNREFUSED") yield* Effect.sleep("5 millis")
      yield* server.accepted
      assert.isTrue(yield* works(yield* join))
    }).pipe(Effect.provideService(References.MinimumLogLevel, "Error")),
  )

  for (const way of ["up", "down"] as const) {
    pacedTest(`who is gone holds nobody up, even if the other end is not told, ${way}`, () =>
      Effect.gen(function* () {
        const { empty, fault, join } = yield* faulty()
        const { client, peer } = yield* join
        const [leaver, sender] = way === "up" ? [client, peer] : [peer, client]
        yield* fault(`blackhole:dir=${way},keepOpen`)
        leaver.socket.pause()
        sender.socket.write(Buffer.alloc(32 * 1024 * 1024))
        let left = -1
        yield* eventually(() => left === (left = sender.socket.writableLength))
        assert.isAbove(left, 0)
        leaver.reset()
        yield* eventually(() => sender.socket.writableLength === 0)
        assert.isFalse(sender.socket.destroyed)
        sender.socket.end()
        yield* empty
      }),
    )
  }

  pacedTest("toxicity hits some connections and not others, and the same ones for the same seed", () =>
    Effect.gen(function* () {
      const ends = Effect.gen(function* () {
        const { dial, fault } = yield* faulty({ seed: 3 })
        yield* fault("closeClean", { toxicity: 0.5 })
        const clients = yield* Effect.replicateEffect(dial, 12)
        yield* Effect.sleep("50 millis")
        return clients.map(({ socket }) => (socket.destroyed ? "x" : "-")).join("")
      }).pipe(Effect.scoped)
      const [one, two] = [yield* ends, yield* ends]
      assert.strictEqual(one, two)
      assert.match(one, /x.*-|-.*x/)
    }),
  )
})
