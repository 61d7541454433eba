/**
 * The gaps that `RcMap` leaves, one test each, and what people expect of a shared connection.
 */
import { assert, describe, it } from "@effect/vitest"
import { Link, LinkMap } from "@holdfast/core"
import { Context, Data, Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"

const Who = Context.Reference<string>("test/Who", { defaultValue: () => "nobody" })

/** Connections that write down what happens to them. */
const recorder = () => {
  const log: Array<string> = []
  const gone = new Map<number, (why: string) => void>()
  let dials = 0
  const connect = (key: unknown) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        log.push(`dial ${++dials} ${String(key)}`)
        return dials
      }),
      (id) => Effect.sync(() => log.push(`close ${id}`)),
    )
  const lost: Link.OnLost<number> = (id, callback) => void gone.set(id, callback)
  return { log, connect, lost, lose: (id: number, why = "1006") => gone.get(id)!(why) }
}

describe("LinkMap, where RcMap has gaps", () => {
  it.effect("a failed dial is not cached, even while the failed caller's scope is open", () =>
    Effect.gen(function* () {
      let dials = 0
      const connect = () => Effect.suspend(() => (++dials === 1 ? Effect.fail("refused") : Effect.succeed(dials)))
      const map = yield* LinkMap.make({ connect, idle: "1 minute" })
      assert.strictEqual(yield* Effect.flip(map.get("a")), "refused")
      assert.strictEqual(yield* map.get("a"), 2)
    }),
  )

  it.effect("a stale retire is harmless: it does not hit the successor", () =>
    Effect.gen(function* () {
      const { connect, log } = recorder()
      const map = yield* LinkMap.make({ connect })
      const first = yield* map.get("a")
      assert.isTrue(yield* map.retire("a", { only: first }))
      const second = yield* map.get("a")
      assert.isFalse(yield* map.retire("a", { only: first }))
      assert.strictEqual(yield* map.get("a"), second)
      assert.deepStrictEqual(log, ["dial 1 a", "close 1", "dial 2 a"])
    }),
  )

  it.effect("retire closes under its holders, at once, and their use answers Lost", () =>
    Effect.gen(function* () {
      const { connect, log } = recorder()
      const map = yield* LinkMap.make({ connect })
      const scope = yield* Scope.make()
      yield* Scope.provide(map.get("a"), scope)
      const user = yield* Effect.forkChild(
        map.use("a", () => Effect.never),
        { startImmediately: true },
      )
      yield* map.retire("a", { why: "answers nonsense" })
      assert.deepStrictEqual(log, ["dial 1 a", "close 1"])
      const error = yield* Effect.flip(Fiber.join(user))
      assert.deepStrictEqual(error.reason, new Link.Lost({ target: "a", why: "answers nonsense" }))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log, ["dial 1 a", "close 1"])
    }),
  )

  it.effect("get after close is a typed error, not an interruption", () =>
    Effect.gen(function* () {
      const { connect } = recorder()
      const map = yield* Effect.scoped(LinkMap.make({ connect, target: (key: string) => `store ${key}` }))
      const error = yield* Effect.flip(Effect.scoped(map.get("a")))
      assert.deepStrictEqual(error.reason, new Link.Closed({ target: "store a" }))
      assert.strictEqual((yield* Effect.flip(map.use("a", Effect.succeed))).reason._tag, "Closed")
    }),
  )

  it.effect("1,000 concurrent users of a key make one dial and one close", () =>
    Effect.gen(function* () {
      const { connect, log } = recorder()
      const map = yield* LinkMap.make({ connect: (key: string) => Effect.delay(connect(key), "1 second") })
      const users = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 1000 }, (_, i) => i),
          (i) => Effect.scoped(Effect.andThen(map.get("a"), Effect.sleep(i))),
          { concurrency: "unbounded" },
        ),
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(users)
      assert.deepStrictEqual(log, ["dial 1 a", "close 1"])
    }),
  )

  it.effect("a dial gets its services from the map's place, not from its first caller's", () =>
    Effect.gen(function* () {
      const map = yield* LinkMap.make({ connect: () => Who }).pipe(Effect.provideService(Who, "the map"))
      assert.strictEqual(yield* map.get("a").pipe(Effect.provideService(Who, "a caller")), "the map")
    }),
  )
})

describe("LinkMap", () => {
  it.effect("closes a connection with its last user", () =>
    Effect.gen(function* () {
      const { connect, log } = recorder()
      const map = yield* LinkMap.make({ connect })
      yield* Effect.scoped(Effect.andThen(map.get("a"), Effect.scoped(map.get("a"))))
      assert.deepStrictEqual(log, ["dial 1 a", "close 1"])
    }),
  )

  it.effect("keeps an unused connection for the idle time, counted from its last user", () =>
    Effect.gen(function* () {
      const { connect, log } = recorder()
      const map = yield* LinkMap.make({ connect, idle: "30 seconds" })
      yield* Effect.scoped(map.get("a"))
      yield* TestClock.adjust("20 seconds")
      yield* Effect.scoped(map.get("a"))
      yield* TestClock.adjust("29 seconds")
      assert.deepStrictEqual(log, ["dial 1 a"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log, ["dial 1 a", "close 1"])
    }),
  )

  it.effect("a connection that is in use when its idle time ends stays", () =>
    Effect.gen(function* () {
      const { connect, log } = recorder()
      const map = yield* LinkMap.make({ connect, idle: "30 seconds" })
      yield* Effect.scoped(map.get("a"))
      yield* map.get("a")
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(log, ["dial 1 a"])
    }),
  )

  it.effect("a lost connection leaves the map, and the next get dials", () =>
    Effect.gen(function* () {
      const { connect, log, lose, lost } = recorder()
      const map = yield* LinkMap.make({ connect, lost })
      const user = yield* Effect.forkChild(
        map.use("a", () => Effect.never),
        { startImmediately: true },
      )
      lose(1, "1001 going away")
      assert.strictEqual((yield* Effect.flip(Fiber.join(user))).reason._tag, "Lost")
      assert.strictEqual(yield* map.get("a"), 2)
      lose(1)
      assert.strictEqual(yield* map.get("a"), 2)
      assert.deepStrictEqual(log, ["dial 1 a", "close 1", "dial 2 a"])
    }),
  )

  it.effect("a dial that nobody waits for any more is stopped, and closed what it had opened", () =>
    Effect.gen(function* () {
      const { connect, log } = recorder()
      const map = yield* LinkMap.make({ connect: (key: string) => Effect.andThen(connect(key), Effect.never) })
      const users = yield* Effect.forEach([1, 2], () =>
        Effect.forkChild(Effect.scoped(map.get("a")), { startImmediately: true }),
      )
      yield* Fiber.interrupt(users[0]!)
      assert.deepStrictEqual(log, ["dial 1 a"])
      yield* Fiber.interrupt(users[1]!)
      assert.deepStrictEqual(log, ["dial 1 a", "close 1"])
    }),
  )

  it.effect("a dial that takes too long is a ConnectTimeout for all who wait", () =>
    Effect.gen(function* () {
      const map = yield* LinkMap.make({ connect: () => Effect.never, connectTimeout: "3 seconds" })
      const users = yield* Effect.forkChild(
        Effect.all([Effect.flip(map.get("a")), Effect.flip(map.get("a"))], { concurrency: 2 }),
      )
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(
        (yield* Fiber.join(users)).map((error) => error.reason._tag),
        ["ConnectTimeout", "ConnectTimeout"],
      )
    }),
  )

  it.effect("keys are compared by value", () =>
    Effect.gen(function* () {
      class Key extends Data.Class<{ readonly host: string }> {}
      const { connect } = recorder()
      const map = yield* LinkMap.make({ connect, target: (key: Key) => key.host })
      assert.strictEqual(yield* map.get(new Key({ host: "a" })), yield* map.get(new Key({ host: "a" })))
    }),
  )

  it.effect("closing the map closes everything, dials in progress included", () =>
    Effect.gen(function* () {
      const { connect, log } = recorder()
      const scope = yield* Scope.make()
      const hang = yield* Deferred.make<void>()
      const map = yield* LinkMap.make({
        connect: (key: string) => (key === "a" ? connect(key) : Effect.andThen(connect(key), Deferred.await(hang))),
      }).pipe(Scope.provide(scope))
      yield* map.get("a")
      const waiting = yield* Effect.forkChild(Effect.flip(map.get("b")), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log.toSorted(), ["close 1", "close 2", "dial 1 a", "dial 2 b"])
      const error = yield* Fiber.join(waiting)
      assert.deepStrictEqual(error, new Link.LinkError({ reason: new Link.Closed({ target: "b" }) }))
    }),
  )

  it.effect("is a service when people want one", () =>
    Effect.gen(function* () {
      const { connect } = recorder()
      class Stores extends LinkMap.Service<Stores>()("test/Stores", { connect }) {}
      const first = Effect.gen(function* () {
        const stores = yield* Stores
        return yield* stores.use("a", Effect.succeed)
      })
      assert.strictEqual(yield* Effect.provide(first, Stores.layer), 1)
    }),
  )
})
