/**
 * Plans in real time, and what is told to whoever asks for what cannot be.
 */
import { assert, describe, it } from "@effect/vitest"
import { Fault, type FaultPlan } from "@holdfast/testing"
import * as FaultProxy from "@holdfast/testing/FaultProxy"
import { Clock, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { eventually } from "./kit/eventually.ts"
import { faulty, plan, settled, text, took, works } from "./kit/faulty.ts"
import { pacedTest } from "./kit/paced.ts"
import * as Raw from "./kit/raw.ts"

const entry = (at: FaultPlan.Entry["at"], fault: string, rest: Partial<FaultPlan.Entry> = {}): FaultPlan.Entry => ({
  at,
  on: "client-server",
  fault: Fault.parse(fault),
  ...rest,
})

describe("a plan", () => {
  pacedTest("has its faults at their times, for as long as they say, and heals", () =>
    Effect.gen(function* () {
      const { dial, play } = yield* faulty()
      const playing = yield* Effect.forkChild(
        took(play(plan("600ms", entry("100ms", "refuse", { for: "150ms" }), entry("450ms", "refuse")))),
        { startImmediately: true },
      )
      const refused = Effect.map(Effect.scoped(Effect.flatMap(dial, settled)), (how) => how === "ECONNREFUSED")
      assert.isFalse(yield* refused)
      const seen: Array<boolean> = []
      while (playing.pollUnsafe() === undefined) {
        const now = yield* refused
        if (seen.at(-1) !== now) seen.push(now)
        yield* Effect.sleep("2 millis")
      }
      assert.deepStrictEqual(seen.slice(0, 4), [false, true, false, true])
      const time = yield* Fiber.join(playing)
      assert.isTrue(time >= 599 && time < 620, `${time}`)
      assert.isFalse(yield* refused)
    }),
  )

  pacedTest("waits for events: the nth connection, before anything passes, and the nth message, which has passed", () =>
    Effect.gen(function* () {
      const { join, play } = yield* faulty()
      assert.isTrue(yield* works(yield* join)) // before the plan, and not counted
      yield* Effect.forkScoped(
        play(plan("1h", entry("connect:2", "corrupt:p=1", { for: "1h" }), entry("message:4", "reset", { for: "0ms" }))),
        { startImmediately: true },
      )
      const first = yield* join
      assert.isTrue(yield* works(first))
      const second = yield* join
      second.client.write("\0")
      assert.notStrictEqual(yield* text(second.peer, 1), "\0")
      second.peer.write("the fourth")
      assert.strictEqual(yield* second.client.closed, "ECONNRESET")
      assert.strictEqual(second.client.rest().length, 10)
      assert.strictEqual(yield* first.client.closed, "ECONNRESET")
      assert.isTrue(yield* Effect.map(join, ({ client }) => !client.socket.destroyed))
    }),
  )

  pacedTest("a fault at the very moment of the heal has happened", () =>
    Effect.gen(function* () {
      const { join, play } = yield* faulty()
      for (const when of ["0ms", "20ms"] as const) {
        const { client } = yield* join
        yield* play(plan(when, entry(when, "reset")))
        assert.strictEqual(yield* client.closed, "ECONNRESET")
        assert.isTrue(yield* works(yield* join))
      }
    }),
  )

  pacedTest("hits this link only, if the proxy has a name", () =>
    Effect.gen(function* () {
      const { join, play } = yield* faulty({ link: "app-db" })
      const all = ["app", "db", "db-app", "*"] as const
      const others = ["cache", "app-cache", "cache-db"] as const
      for (const on of [...others, ...all]) {
        const connection = yield* join
        yield* play(plan("5ms", entry("0ms", "reset", { on })))
        if (all.some((one) => one === on)) assert.strictEqual(yield* connection.client.closed, "ECONNRESET")
        else assert.isTrue(yield* works(connection))
      }
    }),
  )

  pacedTest("stalls the host it says, and parts the groups it says", () =>
    Effect.gen(function* () {
      const { join, play } = yield* faulty({ link: "app-db" })
      const { client, peer } = yield* join
      const during = (one: FaultPlan.Entry) => Effect.forkChild(play(plan("30ms", one)), { startImmediately: true })
      const stall = yield* during(entry("0ms", "stall", { on: "db" }))
      client.write("waits")
      peer.write("goes")
      yield* text(client, 4)
      assert.isUndefined(stall.pollUnsafe())
      yield* text(peer, 5)
      assert.isDefined(stall.pollUnsafe())
      const other = yield* during(entry("0ms", "stall", { on: "app" }))
      client.write("goes")
      peer.write("waits")
      yield* text(peer, 4)
      assert.isUndefined(other.pollUnsafe())
      yield* text(client, 5)
      assert.isDefined(other.pollUnsafe())
      const parted = yield* during(entry("0ms", "partition:hold,groups=app+db|cache", { on: "*" }))
      client.write("goes")
      yield* text(peer, 4)
      assert.isUndefined(parted.pollUnsafe())
      const apart = yield* during(entry("0ms", "partition:hold,groups=app|db", { on: "cache" }))
      client.write("waits")
      yield* text(peer, 5)
      assert.isDefined(apart.pollUnsafe())
    }),
  )

  pacedTest("draws the same for the same seed", () =>
    Effect.gen(function* () {
      const corrupted = (seed: number) =>
        Effect.gen(function* () {
          const { join, play } = yield* faulty()
          const { client, peer } = yield* join
          yield* Effect.forkScoped(play({ ...plan("1h", entry("0ms", "corrupt:p=0.5")), seed }), {
            startImmediately: true,
          })
          client.write("what is left of this is the seed's to say")
          return yield* text(peer, 41)
        }).pipe(Effect.scoped)
      const one = yield* corrupted(1)
      assert.strictEqual(yield* corrupted(1), one)
      assert.notStrictEqual(yield* corrupted(2), one)
    }),
  )
})

describe("what cannot be", () => {
  for (const kind of ["loss:p=1", "serverError:status=503", "crash", "clockJump:by=1h", "dns"]) {
    pacedTest(`${kind} is refused by name, before anything is applied`, () =>
      Effect.gen(function* () {
        const { fault, join, play } = yield* faulty()
        const connection = yield* join
        const name = kind.split(":")[0]!
        const error = yield* Effect.flip(play(plan("1h", entry("0ms", "reset"), entry("0ms", kind, { on: "*" }))))
        assert.strictEqual(error.reason._tag, "Unsupported")
        assert.match(error.message, new RegExp(`^${name} cannot happen on a real port; what can: latency, `))
        assert.strictEqual((yield* Effect.flip(fault(kind))).message, error.message)
        assert.isTrue(yield* works(connection))
      }),
    )
  }

  for (const [options, message] of [
    [{ listen: "0.0.0.0:0" }, 'expected a loopback address such as 127.0.0.1:6000, not "0.0.0.0:0"'],
    [{ listen: "8080" }, 'expected HOST:PORT such as 127.0.0.1:9000, not "8080"'],
    [{ upstream: "http://a:1" }, 'expected HOST:PORT such as 127.0.0.1:9000, not "http://a:1"'],
  ] as const) {
    pacedTest(`an address: ${message}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(FaultProxy.make({ upstream: "127.0.0.1:1", ...options }))
        assert.deepStrictEqual([error.reason._tag, error.message], ["InvalidAddress", message])
      }),
    )
  }

  pacedTest("a port that is taken is said so", () =>
    Effect.gen(function* () {
      const { port } = yield* Raw.listen
      const error = yield* Effect.flip(FaultProxy.make({ upstream: "127.0.0.1:1", listen: `127.0.0.1:${port}` }))
      assert.strictEqual(error.message, `cannot listen on 127.0.0.1:${port}: the port is in use`)
    }),
  )
})

describe("the proxy", () => {
  it.effect("goes by Effect's clock: an hour of latency takes as long as the test says", () =>
    Effect.gen(function* () {
      const { fault, join } = yield* faulty()
      const { client, peer } = yield* join
      yield* fault("latency:delay=1h")
      client.write("late")
      const arrived = yield* Effect.forkChild(text(peer, 4))
      while (arrived.pollUnsafe() === undefined) {
        yield* TestClock.adjust("30 minutes")
        yield* TestClock.withLive(Effect.sleep("1 millis"))
      }
      assert.isAtLeast(yield* Clock.currentTimeMillis, 3_600_000)
    }),
  )

  pacedTest("resets a client whose upstream refuses", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(Raw.listen)
      const proxy = yield* FaultProxy.make({ upstream: `127.0.0.1:${port}` })
      const client = yield* Raw.dial(proxy.address)
      assert.strictEqual(yield* client.closed, "ECONNRESET")
    }),
  )

  pacedTest("passes on what peers do: half a goodbye, a whole one, a reset", () =>
    Effect.gen(function* () {
      const { empty, join } = yield* faulty()
      const half = yield* join
      half.peer.socket.allowHalfOpen = true
      half.client.socket.end("question")
      assert.strictEqual(yield* text(half.peer, 8), "question")
      yield* eventually(() => half.peer.socket.readableEnded)
      half.peer.socket.end("answer")
      assert.strictEqual(yield* half.client.closed, "")
      assert.strictEqual(`${half.client.rest()}`, "answer")
      const other = yield* join
      other.peer.reset()
      assert.strictEqual(yield* other.client.closed, "ECONNRESET")
      const third = yield* join
      third.client.reset()
      assert.strictEqual(yield* third.peer.closed, "ECONNRESET")
      yield* empty
    }),
  )

  pacedTest("cuts everybody and leaves its port when its layer goes", () =>
    Effect.gen(function* () {
      const server = yield* Raw.listen
      class Chaos extends FaultProxy.Service<Chaos>()("test/Chaos", { upstream: `127.0.0.1:${server.port}` }) {}
      const { address, client } = yield* Effect.gen(function* () {
        const { address } = yield* Chaos
        const client = yield* Raw.dial(address)
        yield* server.accepted
        return { address, client }
      }).pipe(Effect.provide(Layer.fresh(Chaos.layer)))
      assert.strictEqual(yield* client.closed, "ECONNRESET")
      assert.strictEqual(yield* (yield* Raw.dial(address)).closed, "ECONNREFUSED")
    }),
  )

  pacedTest("cuts those, too, that were told goodbye and have not answered", () =>
    Effect.gen(function* () {
      const server = yield* Raw.listen
      const life = yield* Scope.fork(yield* Effect.scope)
      const proxy = yield* Scope.provide(FaultProxy.make({ upstream: `127.0.0.1:${server.port}` }), life)
      const ends = [yield* Raw.dial(proxy.address), yield* server.accepted]
      for (const { socket } of ends) socket.allowHalfOpen = true
      yield* Effect.scoped(proxy.inject(Fault.closeClean()))
      yield* eventually(() => ends.every(({ socket }) => socket.readableEnded))
      assert.strictEqual(yield* proxy.open, 1)
      yield* Scope.close(life, Exit.void)
      // Nobody hears of a reset behind a goodbye before he says something himself.
      for (const { closed, write } of ends) {
        write("?")
        assert.match(yield* closed, /^(ECONNRESET|EPIPE)$/)
      }
    }),
  )
})
