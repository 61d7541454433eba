import { assert, describe, it } from "@effect/vitest"
import { Events, Outlier } from "@holdfast/core"
import { Effect, Metric, Random } from "effect"
import { TestClock } from "effect/testing"
import { fresh } from "./metrics.ts"
import * as Rates from "../src/internal/outlierRates.ts"

/** `ok` and `failed` calls of a member. */
const report = <K>(outlier: Outlier.Outlier<K>, key: K, ok: number, failed: number) => {
  for (let n = 0; n < ok; n++) outlier.report(key, true)
  for (let n = 0; n < failed; n++) outlier.report(key, false)
}

const keys = (count: number) => Array.from({ length: count }, (_, index) => index)

/** Of so many members, those that may not be used. */
const ejected = (outlier: Outlier.Outlier<number>, count: number) => keys(count).filter((key) => !outlier.allows(key))

const volume = (ok: number, failed: number): Rates.Volume => ({ ok, failed })

describe("Envoy's and gRFC A50's success rate: below the mean minus factor times the standard deviation", () => {
  const options = { factor: 1.9, hosts: 5, requests: 100 }
  for (const [name, volumes, expected] of [
    // Worked out by hand: mean 0.8, variance (4 * 0.04 + 0.64) / 5 = 0.16, deviation 0.4.
    ["one that always fails of five", [...keys(4).map(() => volume(100, 0)), volume(0, 100)], 0.8 - 1.9 * 0.4],
    // Mean 0.9, variance (9 * 0.01 + 0.81) / 10 = 0.09, deviation 0.3.
    ["one of ten", [...keys(9).map(() => volume(100, 0)), volume(0, 100)], 0.9 - 1.9 * 0.3],
    ["all equally bad", keys(5).map(() => volume(50, 50)), 0.5],
    ["too few hosts", keys(4).map(() => volume(100, 0)), undefined],
    ["too few with enough requests", [...keys(4).map(() => volume(100, 0)), volume(99, 0)], undefined],
    ["one without enough does not count", [...keys(5).map(() => volume(100, 0)), volume(0, 99)], 1],
  ] as const) {
    it(`${name}`, () => {
      const least = Rates.leastSuccessRate(volumes, options)
      if (expected === undefined) return assert.isUndefined(least)
      assert.closeTo(least!, expected, 1e-12)
    })
  }

  // One that is worse by any amount than others which are all the same is out when n - 1 > 1.9 squared; two are when n - 2 > 2 * 1.9 squared.
  for (const [hosts, rates, out] of [
    [5, [0], [0]],
    [5, [99], [0]],
    [5, [100], []],
    [5, [0, 0], []],
    [9, [0, 0], []],
    [10, [0, 0], [0, 1]],
    [10, [0, 98], [0]],
  ] as const) {
    it.effect(`${hosts} hosts, the first succeed at ${rates.join(" and ")} %: ejects ${out.length}`, () =>
      Effect.gen(function* () {
        const outlier = yield* Outlier.make<number>({
          name: "s",
          detectors: [Outlier.successRate()],
          maxEjected: 50,
          panicBelow: 0,
        })
        for (const key of keys(hosts)) {
          const ok = rates[key] ?? 100
          report(outlier, key, ok, 100 - ok)
        }
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(ejected(outlier, hosts), [...out])
      }),
    )
  }
})

describe("Envoy's failure percentage: so many percent or more", () => {
  for (const [failed, total, hosts, out] of [
    [85, 100, 5, [0]],
    [84, 100, 5, []],
    [100, 100, 5, [0]],
    [49, 49, 5, []],
    [50, 50, 5, [0]],
    [100, 100, 4, []],
  ] as const) {
    it.effect(`${failed} of ${total} in a set of ${hosts}: ejects ${out.length}`, () =>
      Effect.gen(function* () {
        const outlier = yield* Outlier.make<number>({ name: "s", detectors: [Outlier.failurePercentage()] })
        report(outlier, 0, total - failed, failed)
        for (const key of keys(hosts).slice(1)) report(outlier, key, 50, 0)
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(ejected(outlier, hosts), [...out])
      }),
    )
  }

  it.effect("looks at one interval only", () =>
    Effect.gen(function* () {
      const outlier = yield* Outlier.make<number>({ name: "s", detectors: [Outlier.failurePercentage()] })
      for (const half of [25, 25]) {
        report(outlier, 0, 0, half)
        for (const key of keys(5).slice(1)) report(outlier, key, 50, 0)
        yield* TestClock.adjust("10 seconds")
      }
      assert.deepStrictEqual(ejected(outlier, 5), [])
    }),
  )
})

describe("Envoy's consecutive failures", () => {
  it.effect("are looked at after each call; a success between starts anew", () =>
    Effect.gen(function* () {
      const outlier = yield* Outlier.make<string>({ name: "s" })
      report(outlier, "a", 0, 5)
      assert.strictEqual(outlier.allows("a"), true, "the only one: panic")
      outlier.admit("a")
      outlier.add("b")
      report(outlier, "a", 0, 4)
      report(outlier, "a", 1, 4)
      assert.isTrue(outlier.allows("a"))
      outlier.report("a", false)
      assert.deepStrictEqual([outlier.allows("a"), outlier.allows("b")], [false, true])
    }),
  )
})

describe("ejections last base times how many, up to the most (Envoy, gRFC A50)", () => {
  for (const [times, base, most, expected] of [
    [1, 30, 300, 30],
    [2, 30, 300, 60],
    [10, 30, 300, 300],
    [11, 30, 300, 300],
    [1, 400, 300, 400],
    [2, 400, 300, 400],
  ] as const) {
    it(`${times} times ${base} s, at most ${most} s: ${expected} s`, () =>
      assert.strictEqual(Rates.ejectionTime(times, base, most), expected))
  }

  it.effect("ends at a sweep, and each interval in use takes one off", () =>
    Effect.gen(function* () {
      const outlier = yield* Outlier.make<number>({ name: "s", ejectFor: "25 seconds" })
      for (const key of keys(5)) outlier.add(key)
      /** Sweeps until it is back. */
      const away = Effect.gen(function* () {
        report(outlier, 0, 0, 5)
        let sweeps = 0
        while (!outlier.allows(0)) {
          yield* TestClock.adjust("10 seconds")
          sweeps++
        }
        return sweeps
      })
      // 25, 50 and 75 seconds, each until the sweep behind it.
      assert.deepStrictEqual([yield* away, yield* away, yield* away], [3, 5, 8])
      yield* TestClock.adjust("20 seconds")
      // Three ejections less two intervals, and one more.
      assert.strictEqual(yield* away, 5)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* away, 3)
    }),
  )
})

describe("no more are ejected than a part of the set (Envoy: at least one)", () => {
  for (const [maxEjected, hosts, bad, out] of [
    [10, 5, 3, 1],
    [10, 20, 5, 2],
    [10, 21, 5, 3],
    [50, 4, 4, 2],
    [0, 5, 5, 0],
    [100, 4, 4, 4],
  ] as const) {
    it.effect(`${maxEjected} % of ${hosts}, of which ${bad} are bad: ${out}`, () =>
      Effect.gen(function* () {
        const outlier = yield* Outlier.make<number>({ name: "s", maxEjected, panicBelow: 0 })
        for (const key of keys(hosts)) outlier.add(key)
        // Who is out already is not counted twice.
        for (const key of keys(bad)) report(outlier, key, 0, 15)
        assert.strictEqual(ejected(outlier, hosts).length, out)
        const [endpoints] = (yield* Metric.snapshot).filter(({ attributes }) => attributes?.["health"] === "ejected")
        assert.strictEqual(endpoints !== undefined && "value" in endpoints.state && endpoints.state.value, out)
      }).pipe(fresh),
    )
  }

  it.effect("with fewer in use than the panic threshold, all are (Envoy)", () =>
    Effect.gen(function* () {
      const outlier = yield* Outlier.make<number>({ name: "s", maxEjected: 100, panicBelow: 50 })
      for (const key of keys(4)) outlier.add(key)
      for (const [key, expected] of [
        [0, [0]],
        [1, [0, 1]],
        [2, []],
      ] as const) {
        report(outlier, key, 0, 5)
        assert.deepStrictEqual(ejected(outlier, 4), [...expected])
      }
    }),
  )
})

describe("an outlier", () => {
  it.effect("comes back slowly: from a tenth of its traffic (Envoy's slow start)", () =>
    Effect.gen(function* () {
      const outlier = yield* Outlier.make<number>({ name: "s", slowStart: "10 seconds", ejectFor: "10 seconds" })
      for (const key of keys(3)) outlier.add(key)
      assert.strictEqual(outlier.weight(0), 1)
      report(outlier, 0, 0, 5)
      assert.strictEqual(outlier.weight(0), 0)
      yield* TestClock.adjust("10 seconds")
      const weights = [outlier.weight(0)]
      for (const _ of keys(4)) {
        yield* TestClock.adjust("2500 millis")
        weights.push(outlier.weight(0))
      }
      assert.deepStrictEqual(weights, [0.1, 0.25, 0.5, 0.75, 1])
    }),
  )

  it.effect("is taken back by a health check, forgotten when it leaves, and told of", () =>
    Effect.gen(function* () {
      const outlier = yield* Outlier.make<number>({ name: "s", keyName: (key) => `s${key}` })
      for (const key of keys(3)) outlier.add(key)
      report(outlier, 0, 0, 5)
      outlier.admit(0)
      outlier.admit(0)
      assert.isTrue(outlier.allows(0))
      report(outlier, 1, 0, 5)
      outlier.forget(1)
      assert.isTrue(outlier.allows(1))
      report(outlier, 2, 0, 5)
      const events = yield* Events.Events
      const about = { at: 0, program: "app", target: "s" }
      const gone = {
        ...about,
        _tag: "Ejected",
        method: "consecutive",
        why: "5 failures in a row",
        forMillis: 30_000,
      } as const
      const told: ReadonlyArray<Events.Known> = [
        { ...gone, member: "s0" },
        { ...about, _tag: "Admitted", member: "s0", why: "it is healthy" },
        { ...gone, member: "s1" },
        { ...gone, member: "s2" },
      ]
      assert.deepStrictEqual(
        events.history().map(({ event }) => event),
        [...told],
      )
    }).pipe(Effect.provide(Events.layer())),
  )

  it.effect("is only counted, where the detector is not enforced", () =>
    Effect.gen(function* () {
      const outlier = yield* Outlier.make<number>({
        name: "s",
        detectors: [Outlier.consecutive(5, { enforcing: 30 })],
        maxEjected: 100,
        panicBelow: 0,
      })
      for (const key of keys(1000)) report(outlier, key, 0, 5)
      const out = ejected(outlier, 1000).length
      assert.isTrue(out > 240 && out < 360, String(out))
      const counted = (yield* Metric.snapshot).flatMap(({ attributes, id, state }) =>
        id === "holdfast_outlier_ejections_total" && "count" in state
          ? [[attributes?.["enforced"], attributes?.["reason"], Number(state.count)]]
          : [],
      )
      assert.sameDeepMembers(counted, [
        ["true", "none", out],
        ["false", "enforcing", 1000 - out],
      ])
    }).pipe(Random.withSeed("outliers"), fresh),
  )

  it.effect("stays away a little longer by chance, where that is asked for", () =>
    Effect.gen(function* () {
      const events = yield* Events.Events
      const outlier = yield* Outlier.make<number>({ name: "s", jitter: "10 seconds", maxEjected: 100, panicBelow: 0 })
      for (const key of keys(20)) report(outlier, key, 0, 5)
      const times = events.history().map(({ event }) => ("forMillis" in event ? Number(event.forMillis) : 0))
      assert.isTrue(times.every((time) => time >= 30_000 && time < 40_000))
      assert.strictEqual(new Set(times).size, 20)
    }).pipe(Random.withSeed("jitter"), Effect.provide(Events.layer())),
  )

  it.effect("beyond `maxMembers` nobody is watched, and all are allowed", () =>
    Effect.gen(function* () {
      const outlier = yield* Outlier.make<number>({ name: "s", maxMembers: 2, panicBelow: 0, maxEjected: 100 })
      for (const key of keys(3)) report(outlier, key, 0, 5)
      assert.deepStrictEqual(ejected(outlier, 3), [0, 1])
    }),
  )
})
