import { assert, describe, it } from "@effect/vitest"
import { Breaker } from "@holdfast/core"
import { Sim } from "@holdfast/testing"
import { Clock, Effect, Exit, Fiber, Random } from "effect"

const tick = 100

/** Any of these. */
const upTo = (most: number) => Random.nextIntBetween(0, most + 1)

/** A store somewhere else: it takes its time, and one of so many questions has no answer, before or after it was heard. */
const remote = (lost: number): Breaker.Store => {
  const memory = Breaker.storeMemory()
  const away = <A>(answer: Effect.Effect<A, unknown>) =>
    Effect.gen(function* () {
      const fate = yield* Random.next
      yield* Effect.sleep((yield* upTo(2)) * 10)
      if (fate < lost / 2) return yield* Effect.fail("lost on the way there")
      const found = yield* answer
      yield* Effect.sleep((yield* upTo(2)) * 10)
      return fate < lost ? yield* Effect.fail("lost on the way back") : found
    })
  return {
    load: (name) => away(memory.load(name)),
    save: (name, snapshot, version) => away(memory.save(name, snapshot, version)),
  }
}

const upToOf = <A>(values: ReadonlyArray<A>) => Effect.map(upTo(values.length - 1), (index) => values[index]!)

const seen = { probes: 0, together: 0, refused: 0 }

/** Three processes, calls at random times, some of them given up, and a dependency that is away for a while. */
const story = (lost: number) =>
  Effect.gen(function* () {
    const store = remote(lost)
    const make = Breaker.make({
      name: "db",
      rules: [Breaker.consecutive(2)],
      openFor: 5 * tick,
      probeTimeout: 20 * tick,
      store,
      refresh: yield* upToOf([0, tick, 1000 * tick]),
    })
    const breakers = [yield* make, yield* make, yield* make]
    const back = (yield* upTo(30)) * tick
    let probing = 0
    const work = Effect.gen(function* () {
      yield* Effect.sleep((yield* upTo(3)) * tick)
      if ((yield* Clock.currentTimeMillis) < back) return yield* Effect.fail("away")
    })
    const probe = Effect.acquireUseRelease(
      Effect.sync(() => {
        seen.probes++
        if (++probing > 1) seen.together++
      }),
      () => work,
      () => Effect.sync(() => void probing--),
    )
    const user = Effect.gen(function* () {
      yield* Effect.sleep((yield* upTo(40)) * tick)
      const breaker = breakers[yield* upTo(2)]!
      const exit = yield* Effect.exit(
        breaker.protect(Effect.suspend(() => (breaker.state() === "HalfOpen" ? probe : work))),
      )
      if (Exit.hasDies(exit)) return yield* Effect.die(exit)
      if (String(exit).includes("BreakerError")) seen.refused++
    })
    const users = yield* Effect.replicateEffect(Effect.forkChild(user), 30)
    for (const fiber of users.slice(0, 5)) {
      const at = yield* upTo(40)
      yield* Effect.forkChild(Effect.andThen(Effect.sleep(at * tick), Fiber.interrupt(fiber)))
    }
    yield* Fiber.awaitAll(users)
    // However it went nobody is stuck: with the dependency back, each of them comes to be closed.
    for (const breaker of breakers) {
      for (let turn = 0; breaker.state() !== "Closed" || !Exit.isSuccess(yield* answered(breaker)); turn++) {
        if (turn === 10) return yield* Effect.die(`${breaker.state()} in the end`)
        yield* Effect.sleep("30 seconds")
        yield* answered(breaker)
      }
    }
  })

const answered = (breaker: Breaker.Breaker) => Effect.exit(breaker.protect(Effect.void))

describe("breakers that share a slow store, in any order of the fibers", () => {
  it("never probe together, and all close in the end", () => {
    Object.assign(seen, { probes: 0, together: 0, refused: 0 })
    Sim.assert({ runs: 500, seed: 1, preempt: 0.2 }, story(0))
    assert.deepStrictEqual(
      [seen.together, seen.probes > 300, seen.refused > 300],
      [0, true, true],
      JSON.stringify(seen),
    )
  })

  it("are not stuck and do not die when every fifth answer is lost", () => {
    Object.assign(seen, { probes: 0, together: 0, refused: 0 })
    Sim.assert({ runs: 500, seed: 1, preempt: 0.2 }, story(0.2))
    assert.isAbove(seen.probes, 300)
  })
})
