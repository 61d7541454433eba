/**
 * What the properties of maps of links found, each as small as it gets.
 */
import { assert, describe, it } from "@effect/vitest"
import { Events, Link, LinkMap, Telemetry } from "@holdfast/core"
import { Sim } from "@holdfast/testing"
import { Effect, Exit, Fiber, Metric, Scope } from "effect"
import { TestClock } from "effect/testing"

const starting = { startImmediately: true }

const fresh = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  self.pipe(Effect.provide([Events.layer(), Telemetry.layer]), Effect.provideService(Metric.MetricRegistry, new Map()))

const open = Effect.map(
  Metric.snapshot,
  (all) => all.find(({ id }) => id === "holdfast_open_connections")?.state as { readonly value: number } | undefined,
)

describe("LinkMap, when finalizers go wrong", () => {
  it.effect("a failed dial whose finalizer dies fails for all who wait", () =>
    Effect.gen(function* () {
      const map = yield* LinkMap.make({
        connect: () =>
          Effect.andThen(
            Effect.addFinalizer(() => Effect.die("finalizer")),
            Effect.fail("refused" as const),
          ),
      })
      assert.strictEqual(yield* Effect.flip(Effect.scoped(map.get("a"))), "refused")
    }),
  )

  it.effect("a failed dial whose finalizer hangs holds up its callers for 10 seconds, and no longer", () =>
    Effect.gen(function* () {
      const map = yield* LinkMap.make({
        connect: () =>
          Effect.andThen(
            Effect.addFinalizer(() => Effect.sleep("1 minute")),
            Effect.fail("refused" as const),
          ),
      })
      const user = yield* Effect.forkChild(Effect.flip(Effect.scoped(map.get("a"))), starting)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(user), "refused")
      yield* TestClock.adjust("1 minute")
    }),
  )

  it.effect("closing the map closes all of it, also when one finalizer dies, and says so", () =>
    Effect.gen(function* () {
      const closed: Array<string> = []
      const scope = yield* Scope.make()
      const map = yield* LinkMap.make({
        connect: (key: string) =>
          Effect.acquireRelease(Effect.succeed(key), () =>
            key === "a"
              ? Effect.die("finalizer")
              : Effect.delay(
                  Effect.sync(() => closed.push(key)),
                  "1 second",
                ),
          ),
      }).pipe(Scope.provide(scope))
      yield* map.get("a")
      yield* map.get("b")
      const closing = yield* Effect.forkChild(Effect.exit(Scope.close(scope, Exit.void)), starting)
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.hasDies(yield* Fiber.join(closing)))
      assert.deepStrictEqual(closed, ["b"])
    }),
  )

  it.effect("closing the map waits for a connection that its last user is still closing", () =>
    Effect.gen(function* () {
      const closed: Array<string> = []
      const scope = yield* Scope.make()
      const map = yield* LinkMap.make({
        connect: (key: string) =>
          Effect.acquireRelease(Effect.succeed(key), () =>
            Effect.delay(
              Effect.sync(() => closed.push(key)),
              "1 second",
            ),
          ),
      }).pipe(Scope.provide(scope))
      const user = yield* Effect.forkChild(map.use("a", Effect.succeed), starting)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), starting)
      assert.strictEqual(closing.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.deepStrictEqual([closed, yield* Fiber.join(user)], [["a"], "a"])
    }),
  )
})

describe("LinkMap, when somebody comes as somebody goes", () => {
  const acquired = (log: Array<string>) => (key: string) =>
    Effect.acquireRelease(
      Effect.sync(() => void log.push(`dial ${key}`)),
      () => Effect.sync(() => void log.push(`close ${key}`)),
    )

  it("who comes as the last one leaves has a connection that lives", () => {
    const program = Effect.gen(function* () {
      const map = yield* LinkMap.make({ connect: acquired([]) })
      const brief = map.use("a", () => Effect.sleep(1))
      yield* Effect.all([brief, Effect.delay(brief, 1)], { concurrency: 2 })
    })
    assert.strictEqual(Sim.explore({ seed: 0, runs: 300, preempt: 0.3 }, program)._tag, "Passed")
  })

  it("who comes as the idle time ends has a connection that lives", () => {
    const program = Effect.gen(function* () {
      const map = yield* LinkMap.make({ connect: acquired([]), idle: 10 })
      const brief = map.use("a", () => Effect.sleep(1))
      yield* brief
      yield* Effect.delay(brief, 10)
    })
    assert.strictEqual(Sim.explore({ seed: 0, runs: 300, preempt: 0.3 }, program)._tag, "Passed")
  })

  it.effect("a dial that interrupts itself is Lost for who waits, and no interruption", () =>
    Effect.gen(function* () {
      const map = yield* LinkMap.make({ connect: () => Effect.interrupt })
      assert.instanceOf((yield* Effect.flip(Effect.scoped(map.get("a")))).reason, Link.Lost)
    }),
  )

  it.effect("who retries at once after a retire during the dial does not dial beside it", () =>
    Effect.gen(function* () {
      let [dialling, most] = [0, 0]
      const connect = () =>
        Effect.acquireUseRelease(
          Effect.sync(() => (most = Math.max(most, ++dialling))),
          () => Effect.sleep("1 second"),
          () =>
            Effect.delay(
              Effect.sync(() => dialling--),
              "1 second",
            ),
        )
      const map = yield* LinkMap.make({ connect })
      const again = Effect.scoped(map.get("a"))
      const user = yield* Effect.forkChild(
        Effect.catch(again, () => again),
        starting,
      )
      const retiring = yield* Effect.forkChild(map.retire("a"), starting)
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(user)
      assert.deepStrictEqual([yield* Fiber.join(retiring), most], [true, 1])
    }),
  )

  it.effect("a connection that closes unused counts as open no longer, also when others share its target", () =>
    Effect.gen(function* () {
      const map = yield* LinkMap.make({ connect: () => Effect.succeed(1), target: () => "t" })
      yield* map.get("a")
      yield* Effect.scoped(map.get("b"))
      assert.deepStrictEqual(yield* open, { value: 1 })
    }).pipe(fresh),
  )
})
