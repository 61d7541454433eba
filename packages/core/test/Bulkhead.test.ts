import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, Events } from "@holdfast/core"
import { Sim } from "@holdfast/testing"
import { Clock, Deferred, Duration, Effect, Exit, Fiber, Metric, Random } from "effect"
import { TestClock } from "effect/testing"
import { fresh } from "./metrics.ts"

const fork = <A, E>(call: Effect.Effect<A, E>) => Effect.forkChild(Effect.exit(call), { startImmediately: true })

describe("a bulkhead", () => {
  it.effect("lets so many run and so many wait, and refuses the rest at once", () =>
    Effect.gen(function* () {
      const bulkhead = yield* Bulkhead.make({ name: "db", concurrent: 2, queue: 1, maxWait: "5 seconds" })
      const end = yield* Deferred.make<string>()
      const fibers = yield* Effect.forEach([1, 2, 3], () => fork(bulkhead.protect(Deferred.await(end))))
      assert.deepStrictEqual(bulkhead.load(), { running: 2, waiting: 1 })
      const error = yield* Effect.flip(bulkhead.protect(Effect.void))
      assert.deepStrictEqual(
        [error._tag, error.bulkhead, Duration.toMillis(error.retryAfter), error instanceof Error, error.stack],
        [
          "BulkheadFull",
          "db",
          5000,
          true,
          "BulkheadFull: db has as many calls as it takes; call less, or let it take more",
        ],
      )
      yield* Deferred.succeed(end, "ok")
      assert.deepStrictEqual(
        yield* Fiber.joinAll(fibers),
        [1, 2, 3].map(() => Exit.succeed("ok")),
      )
      assert.deepStrictEqual(bulkhead.load(), { running: 0, waiting: 0 })
    }),
  )

  it.effect("serves in order of arrival", () =>
    Effect.gen(function* () {
      const bulkhead = yield* Bulkhead.make({ name: "db", concurrent: 1, queue: 10, maxWait: "1 hour" })
      const order: Array<number> = []
      const fibers = yield* Effect.forEach([1, 2, 3, 4], (n) =>
        fork(
          bulkhead.protect(
            Effect.andThen(
              Effect.sync(() => void order.push(n)),
              Effect.sleep("1 second"),
            ),
          ),
        ),
      )
      yield* TestClock.adjust("4 seconds")
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(order, [1, 2, 3, 4])
    }),
  )

  it.effect("lets nobody wait longer than `maxWait`, and does not count the call's own time", () =>
    Effect.gen(function* () {
      const bulkhead = yield* Bulkhead.make({ name: "db", concurrent: 1, queue: 10 })
      const long = yield* fork(bulkhead.protect(Effect.sleep("10 seconds")))
      const late = yield* fork(bulkhead.protect(Effect.void))
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(late.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(late)))
      assert.deepStrictEqual(bulkhead.load(), { running: 1, waiting: 0 })
      yield* TestClock.adjust("9 seconds")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(long)))
    }),
  )

  it.effect("counts, and tells that it is full at most once a second", () =>
    Effect.gen(function* () {
      const bulkhead = yield* Bulkhead.make({ name: "db", concurrent: 1, queue: 1 })
      const events = yield* Events.Events
      yield* fork(bulkhead.protect(Effect.never))
      yield* fork(bulkhead.protect(Effect.void))
      for (let n = 0; n < 3; n++) yield* Effect.ignore(bulkhead.protect(Effect.void))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        (yield* Metric.snapshot).map(({ attributes, id, state }) => [
          id.replace("holdfast_bulkhead_", ""),
          attributes?.["outcome"],
          "count" in state ? state.count : "value" in state ? state.value : undefined,
        ]),
        [
          ["running", undefined, 1],
          ["waiting", undefined, 0],
          ["calls_total", "passed", 1],
          ["calls_total", "refused", 3],
          ["calls_total", "timed_out", 1],
        ],
      )
      assert.deepStrictEqual(
        events.history().map(({ event }) => event),
        [0, 1000].map(
          (at) =>
            ({
              _tag: "Full",
              at,
              program: "app",
              target: "db",
              running: 1,
              waiting: 1,
            }) satisfies Events.Known as Events.Event,
        ),
      )
    }).pipe(Effect.provide(Events.layer()), fresh),
  )

  it("never has more than its places, loses none to interruption, and lets no one wait in vain, in any order", () => {
    const seen = { refused: 0, interrupted: 0, waited: 0 }
    const program = Effect.gen(function* () {
      const bulkhead = yield* Bulkhead.make({ name: "db", concurrent: 2, queue: 3, maxWait: "3 seconds" })
      let [running, most] = [0, 0]
      const user = Effect.gen(function* () {
        yield* Effect.sleep((yield* Random.nextIntBetween(0, 8)) * 500)
        const start = yield* Clock.currentTimeMillis
        const body = Effect.gen(function* () {
          const now = yield* Clock.currentTimeMillis
          if (now > start) seen.waited++
          if (now - start > 3000) return yield* Effect.die(`waited ${now - start} ms`)
        })
        const work = Effect.acquireUseRelease(
          Effect.sync(() => void (most = Math.max(most, ++running))),
          () => Effect.andThen(body, Effect.sleep("1 second")),
          () => Effect.sync(() => void running--),
        )
        const exit = yield* Effect.exit(bulkhead.protect(work))
        if (Exit.hasFails(exit)) seen.refused++
        return exit
      }).pipe(Effect.onInterrupt(() => Effect.sync(() => void seen.interrupted++)))
      const users = yield* Effect.forEach(Array.from({ length: 12 }), () => Effect.forkChild(user))
      yield* Effect.forEach(users.slice(0, 4), (fiber) =>
        Effect.forkChild(
          Effect.gen(function* () {
            yield* Effect.sleep((yield* Random.nextIntBetween(0, 12)) * 500)
            yield* Fiber.interrupt(fiber)
          }),
        ),
      )
      for (const fiber of users) {
        const exit = yield* Fiber.await(fiber)
        if (Exit.hasDies(exit)) return yield* Effect.die(exit)
        if (Exit.isSuccess(exit) && Exit.hasDies(exit.value)) return yield* Effect.die(exit.value)
      }
      yield* Effect.sleep("10 seconds")
      assert.deepStrictEqual([most <= 2, running, bulkhead.load()], [true, 0, { running: 0, waiting: 0 }])
    })
    Sim.assert({ runs: 300, seed: 1, preempt: 0.3 }, program)
    for (const [what, times] of Object.entries(seen)) assert.isAbove(times, 50, what)
  })
})
