import { assert, describe, it } from "@effect/vitest"
import * as Events from "@holdfast/core/Events"
import * as Telemetry from "@holdfast/core/Telemetry"
import { Clock, Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Registry from "../src/internal/registry.ts"
import type { Session } from "../src/internal/session.ts"

// A registry of its own with so many sessions, the first of them with a client; each writes down when it was told to go, and how.
const registry = Effect.fnUntraced(function* (count: number, obey: (index: number) => boolean, attended = count) {
  const scope = yield* Scope.make()
  const clock = yield* Clock.Clock
  const options = { name: "ws://up", drainTimeout: "10 seconds", measures: [] } as const
  const made = yield* Registry.make(options).pipe(Scope.provide(scope))
  const told: Array<number | string> = []
  const sessions = Array.from({ length: count }, (_, index): Session => {
    type Known = "label" | "state" | "link" | "heldMessages" | "bytes" | "resumes" | "receipts"
    const known: Pick<Session, Known | "shutdown" | "cut" | "clients"> = {
      label: `${index}`,
      state: "Active",
      link: { state: () => "Ready" },
      heldMessages: 0,
      bytes: 0,
      resumes: 0,
      clients: index < attended ? 1 : 0,
      receipts: [],
      shutdown: () => {
        told.push(clock.currentTimeMillisUnsafe())
        if (obey(index)) made.left(session)
      },
      cut: () => {
        told.push(`cut ${index}`)
        made.left(session)
      },
    }
    const session = known as Session // the registry knows no more of a session than this
    made.joined(session)
    return session
  })
  return { made, told, sessions, close: Scope.close(scope, Exit.void) }
})

const fresh = Effect.provide(Layer.merge(Events.layer(), Telemetry.layer))

const happened = Effect.map(Events.Events, (events): ReadonlyArray<object> =>
  events.history().map(({ event: { at: _, program: _p, target: _t, ...rest } }) => rest),
)

describe("draining", () => {
  it.effect("tells everybody over half of its time, in steps, and ends with the last", () =>
    Effect.gen(function* () {
      const { close, told } = yield* registry(5, () => true)
      const closing = yield* Effect.forkChild(close)
      yield* TestClock.adjust(0)
      yield* TestClock.adjust("3999 millis")
      assert.deepStrictEqual(told, [0, 1000, 2000, 3000])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(told, [0, 1000, 2000, 3000, 4000])
      yield* Fiber.join(closing)
      const events = yield* happened
      assert.deepStrictEqual(events.at(0), { _tag: "Draining", open: 5 })
      assert.deepStrictEqual(events.at(-1), { _tag: "Drained", closed: 5, cut: 0 })
    }).pipe(fresh),
  )

  it.effect("does not spread those whose client is away: nobody would hear of it", () =>
    Effect.gen(function* () {
      const { close, told } = yield* registry(5, () => true, 2)
      const closing = yield* Effect.forkChild(close)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(told, [0, 0, 0, 0])
      yield* TestClock.adjust("2500 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(told, [0, 0, 0, 0, 2500])
    }).pipe(fresh),
  )

  it.effect("takes no more than a hundred steps, and forgets nobody", () =>
    Effect.gen(function* () {
      const { close, told } = yield* registry(1234, () => true)
      const closing = yield* Effect.forkChild(close)
      yield* TestClock.adjust(0)
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(closing)
      assert.strictEqual(told.length, 1234)
      assert.strictEqual(new Set(told).size, 100)
      assert.isBelow(Number(told.at(-1)), 5000)
    }).pipe(fresh),
  )

  it.effect("cuts who is left at the end of its time, and counts them", () =>
    Effect.gen(function* () {
      const { close, told } = yield* registry(4, (index) => index % 2 === 0)
      const closing = yield* Effect.forkChild(close)
      yield* TestClock.adjust(0)
      yield* TestClock.adjust("9999 millis")
      assert.deepStrictEqual(told, [0, 1250, 2500, 3750])
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(told.slice(4), ["cut 1", "cut 3"])
      assert.deepStrictEqual((yield* happened).at(-1), { _tag: "Drained", closed: 2, cut: 2 })
    }).pipe(fresh),
  )

  it.effect("is over at once when nobody is there, or when the last leaves by itself", () =>
    Effect.gen(function* () {
      const empty = yield* registry(0, () => true)
      yield* empty.close
      const { close, made, sessions } = yield* registry(1, () => false)
      const closing = yield* Effect.forkChild(close)
      yield* TestClock.adjust(0)
      yield* TestClock.adjust("1 second")
      made.left(sessions[0]!)
      yield* Fiber.join(closing)
      assert.deepStrictEqual((yield* happened).at(-1), { _tag: "Drained", closed: 1, cut: 0 })
    }).pipe(fresh),
  )
})

describe("the places", () => {
  it.effect("count who waits and who has a session; nobody leaves twice", () =>
    Effect.gen(function* () {
      const { made, sessions } = yield* registry(2, () => true)
      assert.strictEqual(made.admitted(), 2)
      const waiting = yield* Effect.forkChild(made.admit(Effect.never))
      yield* TestClock.adjust(0)
      assert.strictEqual(made.admitted(), 3)
      yield* Fiber.interrupt(waiting)
      made.left(sessions[0]!)
      made.left(sessions[0]!)
      assert.strictEqual(made.admitted(), 1)
    }).pipe(fresh),
  )

  it.effect("count the clients of a session that many share, and a session that nobody has joined", () =>
    Effect.gen(function* () {
      const { made } = yield* registry(1, () => true)
      assert.strictEqual(made.admitted(), 1)
      for (const left of [1, 2, 3]) made.resized(1, left)
      assert.strictEqual(made.admitted(), 3)
      for (const left of [2, 1, 0]) made.resized(-1, left)
      assert.strictEqual(made.admitted(), 1)
    }).pipe(fresh),
  )
})

describe("a session's probe", () => {
  it.effect("shows its receipts to who looks at it, and goes with it", () =>
    Effect.gen(function* () {
      const { made, sessions } = yield* registry(1, () => true)
      const probes = () => [...Context.get(context, Telemetry.Telemetry).probes()]
      const context = yield* Effect.context<never>()
      const found = probes().find((probe) => probe.row()._tag === "Session")
      assert.deepStrictEqual(found?.detail?.(), { receipts: [] })
      made.left(sessions[0]!)
      assert.isFalse(probes().some((probe) => probe.row()._tag === "Session"))
    }).pipe(fresh),
  )
})
