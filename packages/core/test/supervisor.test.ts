/**
 * What the properties of links found, each as small as it gets.
 */
import { assert, describe, it } from "@effect/vitest"
import { Backoff, Connectivity, Events, Link, Telemetry } from "@holdfast/core"
import { Sim } from "@holdfast/testing"
import { Cause, Effect, Exit, Fiber, Metric, Schedule, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { peer } from "./peer.ts"

const steady = Backoff.grpc({ jitter: 0 })
const reasonOf = (error: unknown) => (error instanceof Link.LinkError ? error.reason : error)
const starting = { startImmediately: true }

/** The number of open connections that the metrics tell. */
const open = Effect.map(
  Metric.snapshot,
  (all) => all.find(({ id }) => id === "holdfast_open_connections")?.state as { readonly value: number } | undefined,
)

const fresh = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  self.pipe(Effect.provide([Events.layer(), Telemetry.layer]), Effect.provideService(Metric.MetricRegistry, new Map()))

describe("Link, when somebody reacts at once", () => {
  it.effect("reconnect during a backoff dials once, also when the dial takes no time", () =>
    Effect.gen(function* () {
      const { connect, log } = peer({ fail: 1 })
      const link = yield* Link.make({ target: "t", connect, eager: true, backoff: steady })
      yield* TestClock.adjust("100 millis")
      yield* link.reconnect("operator")
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(log, ["fail 1 @0", "dial 2 @100"])
    }),
  )

  it.effect("reconnect during a backoff parks once more when the dial is not worth another try", () =>
    Effect.gen(function* () {
      let dials = 0
      const connect = Effect.suspend(() => Effect.fail(++dials === 1 ? "refused" : "denied"))
      const link = yield* Link.make({ target: "t", connect, isRetryable: (error) => error !== "denied", eager: true })
      yield* link.reconnect("operator")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(dials, 2)
    }),
  )

  it.effect("who asks again on Lost waits for the next connection, and is not given the one that ended", () =>
    Effect.gen(function* () {
      const { connect, lose, lost } = peer({ takes: "1 second" })
      const link = yield* Link.make({ target: "t", connect, lost, eager: true, stableAfter: 0 })
      yield* TestClock.adjust("1 second")
      const use = link.use((id) => (id === 1 ? Effect.never : Effect.succeed(id)))
      const user = yield* Effect.forkChild(Effect.retry(use, Schedule.recurs(1)), starting)
      lose(1, "1006")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(user), 2)
    }),
  )

  it.effect("a use whose first step ends the connection is interrupted", () =>
    Effect.gen(function* () {
      const { connect, lose, lost } = peer()
      const link = yield* Link.make({ target: "t", connect, lost, backoff: steady })
      const user = yield* Effect.forkChild(
        link.use((id) => {
          lose(id, "1006")
          return Effect.never
        }),
        starting,
      )
      assert.deepStrictEqual(
        reasonOf(yield* Effect.flip(Fiber.join(user))),
        new Link.Lost({ target: "t", why: "1006" }),
      )
    }),
  )

  it("a reader of states misses none that comes while it subscribes", () => {
    const program = Effect.gen(function* () {
      const link = yield* Link.make({ target: "t", connect: Effect.delay(Effect.succeed(1), "1 second"), eager: true })
      yield* Effect.sleep("1 second")
      assert.strictEqual(yield* Connectivity.waitFor(link, "Ready"), "Ready")
    })
    Sim.assert({ seed: 0, runs: 200, preempt: 0.3 }, program)
  })

  it("closing on the start of a dial leaves neither a fiber nor an attempt without an end", () => {
    const program = Effect.gen(function* () {
      const events = yield* Events.Events
      const scope = yield* Scope.make()
      const link = yield* Link.make({ target: "t", connect: Effect.never }).pipe(Scope.provide(scope))
      yield* Effect.forkChild(link.reconnect("now"))
      yield* Scope.close(scope, Exit.void)
      const told = events.history().map(({ event }) => event._tag)
      assert.include(["", "Connecting Failed"], told.join(" "))
    })
    Sim.assert({ seed: 0, runs: 200, preempt: 0.3 }, Effect.provide(program, Events.layer()))
  })
})

describe("Link, when closing goes wrong", () => {
  it.effect("a failed dial whose finalizer dies is tried again", () =>
    Effect.gen(function* () {
      let dials = 0
      const connect = Effect.suspend(() => {
        dials++
        return Effect.andThen(
          Effect.addFinalizer(() => Effect.die("finalizer")),
          Effect.fail("refused" as const),
        )
      })
      const link = yield* Link.make({ target: "t", connect, backoff: steady })
      assert.strictEqual(yield* Effect.flip(link.use(Effect.succeed)), "refused")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(dials, 2)
    }),
  )

  it.effect("a failed dial whose finalizer hangs holds up the next for 10 seconds, and no longer", () =>
    Effect.gen(function* () {
      let dials = 0
      const connect = Effect.suspend(() =>
        ++dials > 1
          ? Effect.succeed(dials)
          : Effect.andThen(
              Effect.addFinalizer(() => Effect.sleep("1 minute")),
              Effect.fail("refused" as const),
            ),
      )
      const link = yield* Link.make({ target: "t", connect, backoff: steady, eager: true })
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual([link.state(), dials], ["Connecting", 1])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([link.state(), dials], ["Ready", 2])
      yield* TestClock.adjust("1 hour")
    }),
  )
})

describe("Link, between two connections", () => {
  it.effect("reconnect right after a flap dials now, also with redial false", () =>
    Effect.gen(function* () {
      for (const redial of [true, false]) {
        const { connect, log, lose, lost } = peer()
        const link = yield* Link.make({ target: "t", connect, lost, eager: true, redial, backoff: Schedule.recurs(0) })
        lose(1, "1006")
        yield* link.reconnect("operator")
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(
          log.slice(1).map((line) => line.slice(0, 7)),
          ["close 1", "dial 2 "],
        )
      }
    }),
  )

  it.effect("with make, a loss during the backoff of the replacement is TransientFailure until the next dial", () =>
    Effect.gen(function* () {
      const first = peer()
      let down = false
      const connect = Effect.suspend(() => (down ? Effect.fail("refused" as const) : first.connect))
      const link = yield* Link.make({
        target: "t",
        connect,
        lost: first.lost,
        handover: "make",
        eager: true,
        backoff: steady,
      })
      down = true
      yield* link.reconnect("new certificate")
      yield* TestClock.adjust(0)
      first.lose(1, "1006")
      yield* TestClock.adjust(0)
      assert.strictEqual(link.state(), "TransientFailure")
      assert.instanceOf(reasonOf(yield* Effect.flip(link.use(Effect.succeed))), Link.Lost)
    }),
  )

  it.effect("with make, a loss while the replacement is dialled is Connecting, whatever redial says", () =>
    Effect.gen(function* () {
      const { connect, lose, lost } = peer({ takes: "1 second" })
      const link = yield* Link.make({ target: "t", connect, lost, handover: "make", redial: false, eager: true })
      yield* TestClock.adjust("1 second")
      const seen = yield* Effect.forkChild(Stream.runCollect(Stream.take(Connectivity.changes(link), 3)), starting)
      yield* link.reconnect("new certificate")
      lose(1, "1006")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(seen), ["Ready", "Connecting", "Ready"])
    }),
  )

  it("with make, a loss right after the replacement was refused for good is dialled for", () => {
    const program = Effect.gen(function* () {
      const events = yield* Events.Events
      let gone: ((why: string) => void) | undefined
      let dials = 0
      const link = yield* Link.make({
        target: "t",
        connect: Effect.suspend(() =>
          ++dials === 2 ? Effect.delay(Effect.fail("denied" as const), 1000) : Effect.succeed(dials),
        ),
        lost: (_, callback) => void (gone ??= callback),
        handover: "make",
        eager: true,
        isRetryable: () => false,
        backoff: steady,
      })
      yield* Effect.forkChild(Effect.delay(link.reconnect("new certificate"), 1000))
      yield* Effect.sleep(2000)
      gone!("1006")
      yield* Effect.sleep("1 minute")
      const told = events.history().map(({ event }) => event._tag)
      assert.strictEqual(link.state(), told.indexOf("Lost") > told.indexOf("Failed") ? "Ready" : "TransientFailure")
    })
    const report = Sim.explore({ seed: 0, runs: 1000, preempt: 0.3 }, Effect.provide(program, Events.layer()))
    assert.strictEqual(report._tag, "Passed")
  })

  it.effect("giveUpAfter counts from the loss, not from the reconnect before it", () =>
    Effect.gen(function* () {
      const first = peer()
      let down = false
      const dials: Array<string> = []
      const connect = Effect.suspend(() => {
        dials.push("dial")
        return down ? Effect.fail("refused" as const) : first.connect
      })
      const options = { target: "t", connect, lost: first.lost, handover: "make", eager: true } as const
      const link = yield* Link.make({ ...options, backoff: Schedule.spaced("1 second"), giveUpAfter: "5500 millis" })
      down = true
      yield* link.reconnect("new certificate")
      yield* TestClock.adjust("4500 millis")
      first.lose(1, "1006")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([link.state(), dials.length], ["TransientFailure", 1 + 5 + 5])
    }),
  )

  it.effect("giving up during a dial is told as its end, with no time for a next one", () =>
    Effect.gen(function* () {
      const events = yield* Events.Events
      const link = yield* Link.make({ target: "t", connect: Effect.never, giveUpAfter: "5 seconds", eager: true })
      yield* TestClock.adjust("5 seconds")
      const why = new Link.ConnectTimeout({ target: "t" }).message
      const failed: Events.Known = {
        _tag: "Failed",
        at: 5000,
        program: "app",
        target: "t",
        attempt: 1,
        tookMillis: 5000,
        result: "timeout",
        why,
        retryInMillis: null,
      }
      assert.deepStrictEqual<Events.Event | undefined>(events.history().at(-1)?.event, failed)
      assert.instanceOf(reasonOf(yield* Effect.flip(link.use(Effect.succeed))), Link.ConnectTimeout)
    }).pipe(fresh),
  )

  it.effect("nobody sees an interruption when giving up meets the end of a dial", () =>
    Effect.gen(function* () {
      const reasons = [...Cause.fail("denied" as const).reasons, ...Cause.interrupt().reasons]
      const interrupted = Effect.failCause(Cause.fromReasons(reasons))
      const link = yield* Link.make({ target: "t", connect: interrupted, isRetryable: () => false })
      const exit = yield* Effect.exit(link.use(Effect.succeed))
      assert.deepStrictEqual(exit, Exit.fail("denied" as const))
    }),
  )

  it.effect("a handover is a reconnect without a downtime", () =>
    Effect.gen(function* () {
      const events = yield* Events.Events
      const { connect } = peer()
      const link = yield* Link.make({ target: "t", connect, handover: "make", eager: true })
      for (let i = 0; i < 2; i++) {
        yield* TestClock.adjust("1 minute")
        yield* link.reconnect("new certificate")
      }
      yield* TestClock.adjust(0)
      const told = events.history().map(({ event }) => event)
      assert.deepStrictEqual(
        told.map(({ _tag }) => _tag).join(" "),
        "Connecting Connected Connecting Lost Connected Connecting Lost Connected",
      )
      assert.deepStrictEqual(
        told.flatMap((event) => ("downMillis" in event ? [event.downMillis] : [])),
        [null, 0, 0],
      )
    }).pipe(fresh),
  )

  it.effect("a closed link counts no open connection, also when others share its target", () =>
    Effect.gen(function* () {
      const { connect } = peer()
      yield* Link.make({ target: "t", connect, eager: true })
      yield* Effect.scoped(Link.make({ target: "t", connect, eager: true }))
      assert.deepStrictEqual(yield* open, { value: 1 })
    }).pipe(fresh),
  )
})
