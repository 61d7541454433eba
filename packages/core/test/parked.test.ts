/**
 * When nothing dials by itself any more, and who is told; and when everybody is to dial at once.
 */
import { assert, describe, it } from "@effect/vitest"
import { Backoff, Events, Link } from "@holdfast/core"
import { Sim } from "@holdfast/testing"
import { Effect, Exit, Fiber, Logger, Schedule, Scope } from "effect"
import { TestClock } from "effect/testing"
import { peer } from "./peer.ts"

const steady = Backoff.grpc({ jitter: 0 })
const eager = { target: "t", eager: true, backoff: steady } as const
const lostBy = (why: string) => new Link.LinkError({ reason: new Link.Lost({ target: "t", why }) })
const starting = { startImmediately: true }

/** Collects what `parked` is told, as a word. */
const ear = () => {
  const heard: Array<string> = []
  const parked = (error: unknown) => void heard.push(error instanceof Link.LinkError ? error.message : String(error))
  return { heard, parked }
}

/** The first lines of what is logged. */
const logged = () => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message).split(",")[0]!))
  return { lines, layer: Logger.layer([logger]) }
}

describe("Link, after a goodbye", () => {
  it.effect("parks until reconnect, and tells of a loss with its reason", () =>
    Effect.gen(function* () {
      const events = yield* Events.Events
      for (const stableAfter of [0, 10_000]) {
        const { heard, parked } = ear()
        const { connect, log, lose, lost } = peer()
        const link = yield* Link.make({ ...eager, connect, lost, stableAfter, parked })
        lose(1, "4001 go away", false)
        assert.strictEqual(link.state(), "TransientFailure")
        const told: Partial<Events.Known> = { _tag: "Lost", reason: "close_4xxx", why: "4001 go away" }
        assert.deepInclude(events.history().at(-1)!.event, told)
        assert.deepStrictEqual(yield* Effect.flip(link.use(Effect.succeed)), lostBy("4001 go away"))
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(log.length, 2)
        yield* link.reconnect("operator")
        assert.deepStrictEqual([link.state(), log.length, heard], ["Ready", 3, []])
      }
    }).pipe(Effect.provide(Events.layer())),
  )

  it.effect("that comes before the connection is installed, the attempt fails and the link parks", () =>
    Effect.gen(function* () {
      const { heard, parked } = ear()
      const { connect, log } = peer()
      const goodbye: Link.OnLost<number> = (id, gone) => {
        if (id === 1) gone("4001 go away", "close_4xxx", false)
      }
      const link = yield* Link.make({ ...eager, connect, lost: goodbye, parked })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* Effect.flip(link.use(Effect.succeed)), lostBy("4001 go away"))
      assert.deepStrictEqual([link.state(), log, heard], ["TransientFailure", ["dial 1 @0", "close 1 @0"], []])
      yield* link.reconnect("operator")
      assert.strictEqual(yield* link.use(Effect.succeed), 2)
    }),
  )

  it.effect("a wish still counts, also while the attempt that has ended settles", () =>
    Effect.gen(function* () {
      const { heard, parked } = ear()
      let dials = 0
      const connect = Effect.suspend(() =>
        ++dials === 2
          ? Effect.fail("refused" as const)
          : Effect.as(
              Effect.addFinalizer(() => Effect.sleep(dials === 1 ? "2 seconds" : 0)),
              dials,
            ),
      )
      const goodbye: Link.OnLost<number> = (id, gone) => {
        if (id === 1) gone("4001 go away", undefined, false)
      }
      const link = yield* Link.make({ ...eager, connect, lost: goodbye, isRetryable: () => false, parked })
      yield* TestClock.adjust("1 second")
      yield* link.reconnect("operator")
      assert.strictEqual(dials, 1)
      yield* TestClock.adjust("1 second")
      // The next dial is for the wish, and what it comes to is told.
      assert.deepStrictEqual([link.state(), dials, heard], ["TransientFailure", 2, ["refused"]])
      yield* link.reconnect("operator")
      assert.deepStrictEqual([link.state(), dials], ["Ready", 3])
    }),
  )

  it.effect("nobody is told, also when it has been down for too long before the attempt has settled", () =>
    Effect.gen(function* () {
      const { heard, parked } = ear()
      const connect = Effect.as(
        Effect.addFinalizer(() => Effect.sleep("2 seconds")),
        1,
      )
      const goodbye: Link.OnLost<number> = (_, gone) => gone("4001 go away", undefined, false)
      const link = yield* Link.make({ ...eager, connect, lost: goodbye, giveUpAfter: "1 second", parked })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual([link.state(), heard], ["TransientFailure", []])
    }),
  )

  it.effect("with make, a wish that waits for something to close still counts", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const { connect, lose, lost } = peer()
      const slow = Effect.andThen(
        Effect.addFinalizer(() => Effect.sleep(log.length === 2 ? "2 seconds" : 0)),
        Effect.tap(connect, (id) => Effect.sync(() => void log.push(`dial ${id}`))),
      )
      const link = yield* Link.make({ ...eager, connect: slow, lost, handover: "make" })
      yield* link.reconnect("new certificate")
      yield* link.reconnect("newer certificate")
      lose(2, "4001 go away", false)
      assert.deepStrictEqual([link.state(), log], ["Connecting", ["dial 1", "dial 2"]])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([link.state(), log], ["Ready", ["dial 1", "dial 2", "dial 3"]])
    }),
  )

  it.effect("with make, the replacement that is being dialled is the last, and its failure is told", () =>
    Effect.gen(function* () {
      const { heard, parked } = ear()
      const first = peer()
      let dials = 0
      const connect = Effect.suspend(() =>
        ++dials === 1 ? first.connect : Effect.delay(Effect.fail("refused" as const), "1 second"),
      )
      const link = yield* Link.make({ ...eager, connect, lost: first.lost, handover: "make", parked })
      yield* link.reconnect("new certificate")
      first.lose(1, "4001 go away", false)
      assert.strictEqual(link.state(), "Connecting")
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual([link.state(), dials, heard], ["TransientFailure", 2, ["refused"]])
    }),
  )

  it("with make, the backoff of a replacement ends at once, and nobody is told", () => {
    const { heard, parked } = ear()
    const first = peer()
    let dials = 0
    const connect = Effect.suspend(() => (++dials === 1 ? first.connect : Effect.fail("refused" as const)))
    const program = Effect.gen(function* () {
      // Its scope stays open, so that what is left is what runs while it is parked.
      const scope = yield* Scope.make()
      const made = Link.make({ ...eager, connect, lost: first.lost, handover: "make", parked })
      const link = yield* Scope.provide(made, scope)
      yield* Effect.sleep("100 millis")
      yield* link.reconnect("new certificate")
      yield* Effect.sleep("100 millis")
      first.lose(1, "4001 go away", false)
      yield* Effect.sleep("100 millis")
      return link.state()
    })
    const { exit, leaked } = Sim.run(program)
    assert.deepStrictEqual([exit, leaked, dials, heard], [Exit.succeed("TransientFailure"), [], 2, []])
  })
})

describe("Link, paced", () => {
  it.effect("waits for the first delay after the loss of a stable connection, in TransientFailure", () =>
    Effect.gen(function* () {
      const { connect, log, lose, lost } = peer()
      const link = yield* Link.make({ ...eager, connect, lost, redial: "paced" })
      yield* TestClock.adjust("1 minute")
      lose(1, "1006")
      assert.strictEqual(link.state(), "TransientFailure")
      // Nobody hurries it: nothing was refused.
      const user = yield* Effect.forkChild(Link.waitForReady(link.use(Effect.succeed), "5 seconds"), starting)
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(log, ["dial 1 @0", "close 1 @60000"])
      yield* TestClock.adjust("1 milli")
      assert.strictEqual(yield* Fiber.join(user), 2)
      // A flap counts from its loss too, and its delays grow.
      lose(2, "1006")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(log.slice(2), ["dial 2 @61000", "close 2 @61000", "dial 3 @62600"])
    }),
  )

  it.effect("dials at once when told to reconnect, before the loss or after it", () =>
    Effect.gen(function* () {
      const { connect, log, lose, lost } = peer()
      const link = yield* Link.make({ ...eager, connect, lost, redial: "paced" })
      yield* TestClock.adjust("1 minute")
      lose(1, "1006")
      yield* link.reconnect("operator")
      yield* TestClock.adjust("1 minute")
      yield* link.reconnect("operator")
      yield* TestClock.adjust("1 minute")
      const after = ["close 1 @60000", "dial 2 @60000", "close 2 @120000", "dial 3 @120000"]
      assert.deepStrictEqual(log.slice(1), after)
    }),
  )
})

describe("Link, when dialling came to nothing", () => {
  const late = new Link.LinkError({ reason: new Link.ConnectTimeout({ target: "t" }) }).message
  const cases: ReadonlyArray<readonly [string, Partial<Link.Options<number, string, never>>, number, string]> = [
    ["an error not worth another try", { isRetryable: () => false }, 0, "refused"],
    ["the end of the backoff", { backoff: Schedule.recurs(0) }, 0, "refused"],
    ["giveUpAfter during a backoff", { giveUpAfter: "500 millis" }, 500, "refused"],
    ["giveUpAfter during a dial", { giveUpAfter: "500 millis", connect: Effect.never }, 500, late],
    ["the one attempt of redial false", { redial: false }, 0, "refused"],
    ["a dial that dies", { redial: false, connect: Effect.die(new Error("a bug")) }, 0, lostBy("a bug").message],
    ["a dial that is interrupted", { redial: false, connect: Effect.interrupt }, 0, "interrupt"],
    ["a dial that is silent", { redial: false, connect: Effect.never }, 20_000, late],
    [
      "an option that throws",
      {
        isRetryable: () => {
          throw new Error("a typo")
        },
      },
      0,
      "refused",
    ],
  ]
  for (const [name, options, after, why] of cases) {
    it.effect(`${name} is told once, then and not before`, () =>
      Effect.gen(function* () {
        const { heard, parked } = ear()
        const link = yield* Link.make({ ...eager, connect: Effect.fail("refused"), parked, ...options })
        if (after > 0) {
          yield* TestClock.adjust(after - 1)
          assert.deepStrictEqual(heard, [])
          yield* TestClock.adjust(1)
        }
        assert.strictEqual(link.state(), "TransientFailure")
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(heard.length, 1)
        assert.include(heard[0], why)
        // Once per parking.
        yield* link.reconnect("operator")
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(heard.length, 2)
      }).pipe(Effect.provide(logged().layer)),
    )
  }

  it.effect("the end of the backoff after a flap is told with the loss", () =>
    Effect.gen(function* () {
      const { heard, parked } = ear()
      const { connect, lose, lost } = peer()
      const link = yield* Link.make({ ...eager, connect, lost, backoff: Schedule.recurs(0), parked })
      lose(1, "1006")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([link.state(), heard], ["TransientFailure", [lostBy("1006").message]])
    }),
  )

  it.effect("nobody is told of a plain loss with redial false, of a dial that goes on, or after close", () =>
    Effect.gen(function* () {
      const { heard, parked } = ear()
      const scope = yield* Scope.make()
      const once = peer()
      yield* Link.make({ ...eager, ...once, redial: false, parked })
      once.lose(1, "1006")
      const often = peer({ fail: 3 })
      yield* Link.make({ ...eager, ...often, parked })
      yield* Link.make({ ...eager, connect: Effect.never, parked }).pipe(Scope.provide(scope))
      yield* TestClock.adjust("10 seconds")
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(heard, [])
    }),
  )

  it.effect("who is told may reconnect at once, and a dial begins", () =>
    Effect.gen(function* () {
      const { connect, log } = peer({ fail: 2, takes: "1 second" })
      const heard: Array<string> = []
      const link: Link.Link<number, "refused"> = yield* Link.make({
        ...eager,
        connect,
        redial: false,
        parked: (error) => {
          heard.push(`${String(error)} in ${link.state()}`)
          Effect.runSync(link.reconnect("again"))
        },
      })
      yield* TestClock.adjust("1 hour")
      const twice = "refused in TransientFailure"
      assert.deepStrictEqual([link.state(), heard], ["Ready", [twice, twice]])
      assert.deepStrictEqual(log, ["fail 1 @0", "fail 2 @1000", "dial 3 @2000"])
    }),
  )

  it("who reconnects at once and closes leaves neither a fiber nor an attempt without an end", () => {
    const program = Effect.gen(function* () {
      const events = yield* Events.Events
      const scope = yield* Scope.make()
      let dials = 0
      const connect = Effect.suspend(() => (++dials === 1 ? Effect.fail("refused" as const) : Effect.never))
      const link: Link.Link<never, "refused"> = yield* Link.make({
        target: "t",
        connect,
        redial: false,
        parked: () => Effect.runSync(link.reconnect("again")),
      }).pipe(Scope.provide(scope))
      yield* link.reconnect("now")
      yield* Scope.close(scope, Exit.void)
      const told = events.history().map(({ event }) => event._tag)
      const pair = ["Connecting", "Failed"]
      assert.deepStrictEqual(told, [...pair, ...pair].slice(0, told.length - (told.length % 2)))
    })
    Sim.assert({ seed: 0, runs: 500, preempt: 0.03 }, Effect.provide(program, Events.layer()))
  })

  it.effect("who is told may close the link", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const connect = Effect.delay(Effect.fail("refused" as const), "1 second")
      const parked = () => void Effect.runFork(Scope.close(scope, Exit.void))
      const link = yield* Link.make({ ...eager, connect, redial: false, parked }).pipe(Scope.provide(scope))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(link.state(), "Shutdown")
      assert.strictEqual(scope.state._tag, "Closed")
    }),
  )

  it.effect("who is told and throws is logged, and breaks nothing", () =>
    Effect.gen(function* () {
      const { layer, lines } = logged()
      const { connect } = peer({ fail: 1 })
      const parked = () => {
        throw new Error("a typo")
      }
      const link = yield* Link.make({ ...eager, connect, redial: false, parked }).pipe(Effect.provide(layer))
      assert.deepStrictEqual([link.state(), lines], ["TransientFailure", ["dialling t died"]])
      yield* link.reconnect("operator")
      assert.strictEqual(yield* link.use(Effect.succeed), 2)
    }),
  )

  it.effect("an option that throws parks, and the bug is logged", () =>
    Effect.gen(function* () {
      const { layer, lines } = logged()
      const link = yield* Link.make({
        target: "t",
        connect: Effect.fail("refused"),
        isRetryable: () => {
          throw new Error("a typo")
        },
        eager: true,
      }).pipe(Effect.provide(layer))
      assert.deepStrictEqual([link.state(), lines], ["TransientFailure", ["dialling t died"]])
    }),
  )
})
