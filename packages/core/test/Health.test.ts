import { assert, describe, it } from "@effect/vitest"
import { Events, Health, Telemetry } from "@holdfast/core"
import { Effect, Layer, Metric, Ref, Schedule } from "effect"
import { TestClock } from "effect/testing"

const every = Schedule.spaced("10 seconds")

describe("Health", () => {
  it.effect("asks at once, then on schedule", () =>
    Effect.gen(function* () {
      let asked = 0
      yield* Health.make({ check: Effect.sync(() => asked++), schedule: every })
      assert.strictEqual(asked, 1)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(asked, 4)
    }),
  )

  it.effect("a check that hangs is not serving after its timeout", () =>
    Effect.gen(function* () {
      const health = yield* Health.make({ check: Effect.never, timeout: "1 second", schedule: every })
      assert.strictEqual(health.verdict().status, "Unknown")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(health.verdict().status, "NotServing")
      assert.strictEqual(health.verdict().at, 1000)
    }),
  )

  it.effect("a check that dies is not serving, and is asked again", () =>
    Effect.gen(function* () {
      const broken = yield* Ref.make(true)
      const check = Effect.flatMap(Ref.get(broken), (is) => (is ? Effect.die(new Error("bug")) : Effect.void))
      const health = yield* Health.make({ check, schedule: every })
      assert.strictEqual(health.verdict().status, "NotServing")
      yield* Ref.set(broken, false)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(health.verdict(), { status: "Serving", at: 10_000 })
    }),
  )

  it.effect("turns only after as many answers in a row as asked for", () =>
    Effect.gen(function* () {
      const answers = [true, false, true, false, false, true, true, true]
      const seen: Array<string> = []
      let next = 0
      const check = Effect.suspend(() => (answers[next++] === true ? Effect.void : Effect.fail("down")))
      const health = yield* Health.make({ check, schedule: every, rise: 2, fall: 2 })
      for (const _ of answers) {
        seen.push(health.verdict().status)
        yield* TestClock.adjust("10 seconds")
      }
      assert.deepStrictEqual(seen, [
        "Unknown",
        "Unknown",
        "Unknown",
        "Unknown",
        "NotServing",
        "NotServing",
        "Serving",
        "Serving",
      ])
    }),
  )

  it.effect("is on the readiness page under its name, as long as its scope is open", () =>
    Effect.gen(function* () {
      const rows = Effect.map(Telemetry.Telemetry, (list) => [...list.probes()].map((probe) => probe.row()))
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Health.make({ name: "db", check: Effect.fail(new Error("no route")), schedule: every })
          assert.deepStrictEqual(yield* rows, [{ _tag: "Check", name: "db", ok: false, why: "no route" }])
        }),
      )
      assert.deepStrictEqual(yield* rows, [])
    }).pipe(Effect.provide(Telemetry.layer)),
  )

  it.effect("with a name counts its checks and tells when the verdict turns, until its scope closes", () =>
    Effect.gen(function* () {
      const answers = [Effect.void, Effect.fail("down"), Effect.never]
      let next = 0
      const check = Effect.suspend(() => answers[next++] ?? Effect.void)
      const counts = Effect.map(Metric.snapshot, (all) =>
        all.flatMap(({ attributes, id, ...metric }) =>
          metric.type === "Counter" ? [[id, attributes?.["result"], metric.state.count]] : [],
        ),
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Health.make({ name: "db", program: "shop", check, schedule: every, timeout: "1 second" })
          yield* TestClock.adjust("21 seconds")
          const total = "holdfast_health_check_total"
          assert.deepStrictEqual(yield* counts, [
            [total, "ok", 1],
            [total, "failed", 1],
            [total, "timeout", 1],
          ])
        }),
      )
      assert.deepStrictEqual(yield* counts, [])
      const told = (yield* Events.Events).history().map(({ event }) => event)
      const about = { _tag: "Health", program: "shop", target: "db" }
      assert.deepStrictEqual<ReadonlyArray<object>>(told, [
        { ...about, at: 0, status: "Serving", why: "" },
        { ...about, at: 10_000, status: "NotServing", why: "down" },
      ])
    }).pipe(
      Effect.provide(
        Layer.mergeAll(Events.layer(), Telemetry.layer).pipe(
          Layer.provideMerge(Layer.sync(Metric.MetricRegistry, () => new Map())),
        ),
      ),
    ),
  )

  it.effect("tells changes of status only, and ends with its scope", () =>
    Effect.gen(function* () {
      const up = yield* Ref.make(true)
      const check = Effect.flatMap(Ref.get(up), (is) => (is ? Effect.void : Effect.fail("down")))
      const health = yield* Health.make({ check, schedule: every })
      const pull = yield* health.subscribe
      yield* TestClock.adjust("20 seconds")
      yield* Ref.set(up, false)
      yield* TestClock.adjust("10 seconds")
      const told = (yield* pull).map((change) => ("_tag" in change ? change._tag : change.status))
      assert.deepStrictEqual(told, ["Serving", "NotServing"])
    }),
  )
})
