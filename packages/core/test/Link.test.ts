import { assert, describe, it } from "@effect/vitest"
import { Backoff, Connectivity, Link } from "@holdfast/core"
import { Deferred, Effect, Exit, Fiber, Ref, Schedule, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { peer } from "./peer.ts"

const reasonOf = (error: unknown) => (error instanceof Link.LinkError ? error.reason : error)
const steady = Backoff.grpc({ jitter: 0 })

describe("Link", () => {
  it.effect("dials when first used, and hands everybody the same connection", () =>
    Effect.gen(function* () {
      const { connect, log } = peer()
      const link = yield* Link.make({ target: "t", connect })
      assert.strictEqual(link.state(), "Idle")
      assert.strictEqual(yield* link.use(Effect.succeed), 1)
      assert.strictEqual(yield* Effect.scoped(link.get), 1)
      assert.strictEqual(link.state(), "Ready")
      assert.deepStrictEqual(log, ["dial 1 @0"])
    }),
  )

  it.effect("dials at once when eager", () =>
    Effect.gen(function* () {
      const { connect, log } = peer()
      yield* Link.make({ target: "t", connect, eager: true })
      assert.deepStrictEqual(log, ["dial 1 @0"])
    }),
  )

  it.effect("get waits for the dial in progress, and there is only one", () =>
    Effect.gen(function* () {
      const { connect, log } = peer()
      const link = yield* Link.make({ target: "t", connect: Effect.delay(connect, "2 seconds") })
      const users = yield* Effect.forkChild(
        Effect.all([link.use(Effect.succeed), Effect.scoped(link.get)], { concurrency: 2 }),
      )
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(users), [1, 1])
      assert.deepStrictEqual(log, ["dial 1 @2000"])
    }),
  )

  it.effect("in TransientFailure fails at once, with the dial's own error", () =>
    Effect.gen(function* () {
      const link = yield* Link.make({ target: "t", connect: Effect.fail("refused" as const) })
      assert.strictEqual(yield* Effect.flip(link.use(Effect.succeed)), "refused")
      assert.strictEqual(link.state(), "TransientFailure")
      assert.strictEqual(yield* Effect.flip(Effect.scoped(link.get)), "refused")
    }),
  )

  it.effect("waits between the starts of attempts, so a slow attempt does not add up", () =>
    Effect.gen(function* () {
      const { connect, log } = peer({ fail: 3, takes: "600 millis" })
      yield* Link.make({ target: "t", connect, eager: true, backoff: steady })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(log, ["fail 1 @0", "fail 2 @1000", "fail 3 @2600", "dial 4 @5160"])
    }),
  )

  it.effect("an attempt that takes longer than connectTimeout is closed and tried again", () =>
    Effect.gen(function* () {
      const { connect, log } = peer()
      const hang = Effect.andThen(connect, Effect.never)
      const link = yield* Link.make({ target: "t", connect: hang, connectTimeout: "3 seconds", backoff: steady })
      const user = yield* Effect.forkChild(Effect.flip(link.use(Effect.succeed)))
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(
        yield* Fiber.join(user),
        new Link.LinkError({ reason: new Link.ConnectTimeout({ target: "t" }) }),
      )
      assert.deepStrictEqual(log, ["dial 1 @0", "close 1 @3000", "dial 2 @3000"])
    }),
  )

  it.effect("a lost connection is closed, its users are told, and it dials again at once if it was stable", () =>
    Effect.gen(function* () {
      const { connect, log, lose, lost } = peer()
      const link = yield* Link.make({ target: "t", connect, lost })
      const user = yield* Effect.forkChild(
        link.use(() => Effect.never),
        { startImmediately: true },
      )
      yield* TestClock.adjust("10 seconds")
      lose(1, "1006")
      const error = yield* Effect.flip(Fiber.join(user))
      assert.deepStrictEqual(reasonOf(error), new Link.Lost({ target: "t", why: "1006" }))
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* link.use(Effect.succeed), 2)
      assert.deepStrictEqual(log, ["dial 1 @0", "close 1 @10000", "dial 2 @10000"])
    }),
  )

  it.effect("a connection that drops before stableAfter does not reset the backoff", () =>
    Effect.gen(function* () {
      const { connect, log, lose, lost } = peer()
      yield* Link.make({ target: "t", connect, lost, eager: true, backoff: steady })
      for (const [id, until] of [
        [1, "1 second"],
        [2, "1600 millis"],
        [3, "2560 millis"],
      ] as const) {
        lose(id, "1006")
        yield* TestClock.adjust(until)
      }
      assert.deepStrictEqual(
        log.filter((line) => line.startsWith("dial")),
        ["dial 1 @0", "dial 2 @1000", "dial 3 @2600", "dial 4 @5160"],
      )
    }),
  )

  it.effect("with stableAfter 0 every Ready resets the backoff, as the gRPC specification has it", () =>
    Effect.gen(function* () {
      const { connect, log, lose, lost } = peer()
      yield* Link.make({ target: "t", connect, lost, eager: true, backoff: steady, stableAfter: 0 })
      lose(1, "1006")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(log, ["dial 1 @0", "close 1 @0", "dial 2 @0"])
    }),
  )

  it.effect("reconnect hangs up and dials, whatever the backoff says", () =>
    Effect.gen(function* () {
      const { connect, log } = peer()
      const link = yield* Link.make({ target: "t", connect, eager: true, backoff: steady })
      yield* link.reconnect("new certificate")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(log, ["dial 1 @0", "close 1 @0", "dial 2 @0"])
    }),
  )

  it.effect("with handover make the old connection serves until the new one is Ready, then drains", () =>
    Effect.gen(function* () {
      const { connect, log } = peer({ takes: "2 seconds" })
      const link = yield* Link.make({ target: "t", connect, handover: "make", drain: "5 seconds" })
      const started = yield* Effect.forkChild(link.use(Effect.succeed))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(started)
      const holder = yield* Effect.forkChild(
        link.use(() => Effect.never),
        { startImmediately: true },
      )
      yield* link.reconnect("new certificate")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(link.state(), "Ready")
      assert.strictEqual(yield* link.use(Effect.succeed), 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* link.use(Effect.succeed), 2)
      yield* TestClock.adjust("5 seconds")
      assert.instanceOf(reasonOf(yield* Effect.flip(Fiber.join(holder))), Link.Lost)
      assert.deepStrictEqual(log, ["dial 1 @0", "dial 2 @2000", "close 1 @9000"])
    }),
  )

  it.effect("a drained connection closes at once when nobody holds it", () =>
    Effect.gen(function* () {
      const { connect, log } = peer()
      const link = yield* Link.make({ target: "t", connect, handover: "make", eager: true })
      yield* link.reconnect("because")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(log, ["dial 1 @0", "dial 2 @0", "close 1 @0"])
    }),
  )

  it.effect("giveUpAfter parks the link until reconnect", () =>
    Effect.gen(function* () {
      const { connect, log } = peer({ fail: 4 })
      const link = yield* Link.make({ target: "t", connect, eager: true, backoff: steady, giveUpAfter: "6 seconds" })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(link.state(), "TransientFailure")
      assert.deepStrictEqual(log, ["fail 1 @0", "fail 2 @1000", "fail 3 @2600", "fail 4 @5160"])
      yield* link.reconnect("operator")
      yield* TestClock.adjust(0)
      assert.strictEqual(link.state(), "Ready")
    }),
  )

  it.effect("an error not worth another try parks the link, and so does the end of the backoff", () =>
    Effect.gen(function* () {
      const denied = yield* Link.make({
        target: "t",
        connect: Effect.fail("denied" as const),
        isRetryable: (error) => error !== "denied",
        eager: true,
      })
      const { connect, log } = peer({ fail: 9 })
      yield* Link.make({ target: "t", connect, eager: true, backoff: Schedule.recurs(2) })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(denied.state(), "TransientFailure")
      assert.strictEqual(log.length, 3)
    }),
  )

  it.effect("with redial false it dials once, and once more per reconnect", () =>
    Effect.gen(function* () {
      const { connect, log, lose, lost } = peer({ fail: 1 })
      const link = yield* Link.make({ target: "t", connect, lost, redial: false })
      assert.strictEqual(yield* Effect.flip(link.use(Effect.succeed)), "refused")
      yield* TestClock.adjust("1 hour")
      yield* link.reconnect("operator")
      yield* TestClock.adjust("1 hour")
      lose(2, "1006")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(link.state(), "TransientFailure")
      assert.deepStrictEqual(log, ["fail 1 @0", "dial 2 @3600000", "close 2 @7200000"])
    }),
  )

  it.effect("waitForReady waits for a link that is down, for as long as it says", () =>
    Effect.gen(function* () {
      const { connect } = peer({ fail: 2 })
      const link = yield* Link.make({ target: "t", connect, eager: true, backoff: steady, hurry: "1 hour" })
      const short = yield* Effect.forkChild(Effect.flip(Link.waitForReady(link.use(Effect.succeed), "2 seconds")))
      const long = yield* Effect.forkChild(Link.waitForReady(link.use(Effect.succeed), "3 seconds"))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* Fiber.join(short), "refused")
      assert.strictEqual(yield* Fiber.join(long), 3)
    }),
  )

  it.effect("who waits for Ready hurries the dial, but not more often than hurry", () =>
    Effect.gen(function* () {
      const { connect, log } = peer({ fail: 3 })
      const link = yield* Link.make({ target: "t", connect, backoff: Schedule.spaced("1 minute") })
      const patient = yield* Effect.forkChild(Link.waitForReady(link.use(Effect.succeed), "5 seconds"))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(patient), 4)
      assert.deepStrictEqual(log, ["fail 1 @0", "fail 2 @250", "fail 3 @500", "dial 4 @750"])
    }),
  )

  it.effect("nobody hurries a link that flaps, or a peer that is silent", () =>
    Effect.gen(function* () {
      const { connect, log, lose, lost } = peer()
      const link = yield* Link.make({ target: "t", connect, lost, eager: true, backoff: steady })
      lose(1, "1006")
      const patient = yield* Effect.forkChild(Link.waitForReady(link.use(Effect.succeed), "5 seconds"))
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(log, ["dial 1 @0", "close 1 @0"])
      yield* TestClock.adjust("1 milli")
      assert.strictEqual(yield* Fiber.join(patient), 2)
    }),
  )

  it.effect("a dial that dies is seen by its callers and tried again", () =>
    Effect.gen(function* () {
      const dials = yield* Ref.make(0)
      const connect = Effect.flatMap(
        Ref.updateAndGet(dials, (n) => n + 1),
        (n) => (n === 1 ? Effect.die(new Error("bug")) : Effect.succeed(n)),
      )
      const link = yield* Link.make({ target: "t", connect, backoff: steady })
      assert.isTrue(Exit.hasDies(yield* Effect.exit(link.use(Effect.succeed))))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* link.use(Effect.succeed), 2)
    }),
  )

  it.effect("closing hangs up, stops dialling, and answers Closed", () =>
    Effect.gen(function* () {
      const { connect, log } = peer()
      const scope = yield* Scope.make()
      const link = yield* Link.make({ target: "t", connect }).pipe(Scope.provide(scope))
      const user = yield* Effect.forkChild(
        link.use(() => Effect.never),
        { startImmediately: true },
      )
      yield* Scope.close(scope, Exit.void)
      assert.instanceOf(reasonOf(yield* Effect.flip(Fiber.join(user))), Link.Closed)
      assert.instanceOf(reasonOf(yield* Effect.flip(link.use(Effect.succeed))), Link.Closed)
      assert.deepStrictEqual([link.state(), log], ["Shutdown", ["dial 1 @0", "close 1 @0"]])
    }),
  )

  it.effect("lostEffect tells of the end that an Effect completes with", () =>
    Effect.gen(function* () {
      const end = yield* Deferred.make<string>()
      const link = yield* Link.make({
        target: "t",
        connect: Effect.succeed("socket"),
        lost: Link.lostEffect(() => Deferred.await(end)),
        backoff: steady,
        eager: true,
      })
      yield* Deferred.succeed(end, "hung up")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(
        reasonOf(yield* Effect.flip(link.use(Effect.succeed))),
        new Link.Lost({ target: "t", why: "hung up" }),
      )
    }),
  )

  it.effect("a connection that is gone before it is Ready is a failed attempt", () =>
    Effect.gen(function* () {
      const link = yield* Link.make({
        target: "t",
        connect: Effect.succeed("socket"),
        lost: (_, gone) => gone("dead on arrival"),
        backoff: steady,
      })
      assert.instanceOf(reasonOf(yield* Effect.flip(link.use(Effect.succeed))), Link.Lost)
      assert.strictEqual(link.state(), "TransientFailure")
    }),
  )
})

describe("Connectivity", () => {
  it.effect("changes gives the state now, then changes, and ends with Shutdown", () =>
    Effect.gen(function* () {
      const { connect, lose, lost } = peer({ fail: 1 })
      const scope = yield* Scope.make()
      const link = yield* Link.make({ target: "t", connect, lost, backoff: steady }).pipe(Scope.provide(scope))
      const seen = yield* Effect.forkChild(Stream.runCollect(Connectivity.changes(link)), { startImmediately: true })
      yield* Effect.exit(link.use(Effect.succeed))
      yield* TestClock.adjust("1 minute")
      lose(2, "1006")
      yield* TestClock.adjust(0)
      yield* Scope.close(scope, Exit.void)
      const words = "Idle Connecting TransientFailure Connecting Ready Connecting Ready Shutdown"
      assert.strictEqual((yield* Fiber.join(seen)).join(" "), words)
    }),
  )

  it.effect("a reader that falls behind gets Lagged with the number it missed, and how it stands", () =>
    Effect.gen(function* () {
      const { connect, lose, lost } = peer()
      const link = yield* Link.make({ target: "t", connect, lost, eager: true, stableAfter: 0 })
      const pull = yield* link.subscribe
      for (let id = 1; id <= 50; id++) {
        lose(id, "1006")
        yield* TestClock.adjust(0)
      }
      const [first, ...rest] = yield* pull
      assert.deepStrictEqual(first, { _tag: "Lagged", missed: 64, now: "Ready" })
      assert.strictEqual(1 + 64 + rest.length, 1 + 2 * 50)
    }),
  )

  it.effect("waitFor does not miss a state that is already there, and says Shutdown instead of hanging", () =>
    Effect.gen(function* () {
      const { connect } = peer()
      const scope = yield* Scope.make()
      const link = yield* Link.make({ target: "t", connect, eager: true }).pipe(Scope.provide(scope))
      assert.strictEqual(yield* Connectivity.waitFor(link, "Ready"), "Ready")
      const other = yield* Effect.forkChild(Connectivity.waitFor(link, "Idle"), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Fiber.join(other), "Shutdown")
      assert.strictEqual(yield* Connectivity.waitFor(link, "Ready"), "Shutdown")
    }),
  )
})
