/**
 * What a call through a breaker costs beside the breakers of others, and what a key of a map keeps. Each case is a process of its own,
 * so that none is judged by what the engine learned from another.
 * Run: node --conditions=source --expose-gc bench/policies/policies.ts [case]
 */
import { spawnSync } from "node:child_process"
import { Breaker, BreakerMap } from "@holdfast/core"
import * as BreakerPromise from "@holdfast/core/BreakerPromise"
import * as Cockatiel from "cockatiel"
import { Effect, Exit, Scope } from "effect"
import { CircuitBreaker } from "effect/persistence"
import Opossum from "opossum"
import { type Contender, measure, median, ratio } from "../kit/rounds.ts"

const operations = 50_000

const scope = Scope.makeUnsafe()
const made = <A>(make: Effect.Effect<A, never, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.provideService(make, Scope.Scope, scope))

let answers = 0
const call = Effect.sync(() => ++answers)
const promise = async () => ++answers

/** Calls one after the other, in one fiber. */
const effects = (name: string, once: () => Effect.Effect<unknown, unknown>): Contender => ({
  name,
  run: (times) =>
    Effect.runPromise(
      Effect.orDie(
        Effect.gen(function* () {
          for (let i = 0; i < times; i++) yield* once()
        }),
      ),
    ),
})

/** The same, awaited. */
const promises = (name: string, once: () => Promise<unknown>): Contender => ({
  name,
  run: async (times) => {
    for (let i = 0; i < times; i++) await once()
  },
})

const consecutive = () =>
  Cockatiel.circuitBreaker(Cockatiel.handleAll, { halfOpenAfter: 1000, breaker: new Cockatiel.ConsecutiveBreaker(5) })
const sampling = () =>
  Cockatiel.circuitBreaker(Cockatiel.handleAll, {
    halfOpenAfter: 1000,
    breaker: new Cockatiel.SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 1 }),
  })
const windowed = [Breaker.timeWindow({ ratio: 0.5, window: "10 seconds", minimum: 10 })]

/** What is compared with what, and at most how much of it it may cost. */
interface Case {
  readonly of: string
  readonly to: Readonly<Record<string, number | undefined>>
  readonly contenders: () => Promise<ReadonlyArray<Contender>>
}

const cases: Readonly<Record<string, Case>> = {
  effect: {
    of: "Breaker",
    to: { "effect's breaker": 0.08, opossum: 0.6, cockatiel: 2.5 },
    contenders: async () => {
      const ours = await made(Breaker.make({ name: "b" }))
      const theirs = await made(
        CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(5), openDuration: "1 second" }).pipe(
          Effect.provide(CircuitBreaker.layerStoreMemory()),
        ),
      )
      const [cockatiel, opossum] = [consecutive(), new Opossum(promise, { timeout: false })]
      return [
        effects("Breaker", () => ours.protect(call)),
        effects("effect's breaker", () => theirs.execute(call, { key: "b" })),
        promises("opossum", () => opossum.fire()),
        promises("cockatiel", () => cockatiel.execute(promise)),
      ]
    },
  },
  window: {
    of: "Breaker, time window",
    to: { opossum: undefined, "cockatiel, sampling": undefined },
    contenders: async () => {
      const ours = await made(Breaker.make({ name: "b", rules: windowed }))
      const [cockatiel, opossum] = [sampling(), new Opossum(promise, { timeout: false })]
      return [
        effects("Breaker, time window", () => ours.protect(call)),
        promises("opossum", () => opossum.fire()),
        promises("cockatiel, sampling", () => cockatiel.execute(promise)),
      ]
    },
  },
  promise: {
    of: "BreakerPromise",
    to: { cockatiel: 1, opossum: 0.25 },
    contenders: async () => {
      const ours = BreakerPromise.make({ name: "b" })
      const [cockatiel, opossum] = [consecutive(), new Opossum(promise, { timeout: false })]
      return [
        promises("BreakerPromise", () => ours.protect(promise)),
        promises("cockatiel", () => cockatiel.execute(promise)),
        promises("opossum", () => opossum.fire()),
      ]
    },
  },
  refusal: {
    of: "refused",
    to: { "let through": 1 },
    contenders: async () => {
      const closed = await made(Breaker.make({ name: "b" }))
      const open = await made(Breaker.make({ name: "b", openFor: "1 hour" }))
      await Effect.runPromise(open.forceOpen("bench"))
      return [
        effects("let through", () => Effect.exit(closed.protect(call))),
        effects("refused", () => Effect.exit(open.protect(call))),
      ]
    },
  },
  "refusal of promises": {
    of: "refused",
    to: { "let through": 1, "cockatiel, refused": undefined, "opossum, refused": undefined },
    contenders: async () => {
      const [closed, open] = [BreakerPromise.make({ name: "b" }), BreakerPromise.make({ name: "b", openFor: "1 hour" })]
      open.forceOpen("bench")
      const cockatiel = consecutive()
      cockatiel.isolate()
      const opossum = new Opossum(promise, { timeout: false, resetTimeout: 3_600_000 })
      opossum.open()
      const ignore = () => {}
      return [
        promises("let through", () => closed.protect(promise).then(ignore, ignore)),
        promises("refused", () => open.protect(promise).then(ignore, ignore)),
        promises("cockatiel, refused", () => cockatiel.execute(promise).then(ignore, ignore)),
        promises("opossum, refused", () => opossum.fire().then(ignore, ignore)),
      ]
    },
  },
  "by key": {
    of: "BreakerMap of 1,000 keys",
    to: { Breaker: undefined },
    contenders: async () => {
      const [one, map] = [await made(Breaker.make({ name: "b" })), await made(BreakerMap.make<string>({ name: "b" }))]
      const keys = Array.from({ length: 1000 }, (_, index) => `server ${index}`)
      let next = 0
      return [
        effects("Breaker", () => one.protect(call)),
        effects("BreakerMap of 1,000 keys", () => map.protect(keys[next++ % 1000]!, call)),
      ]
    },
  },
}

/** Heap of a key, in bytes, the map's own entry and the key's name included. */
const memory = async () => {
  const count = 10_000
  const collected = () => {
    for (let i = 0; i < 4; i++) globalThis.gc!()
    return process.memoryUsage().heapUsed
  }
  for (const [what, options, outcomes] of [
    ["closed, called", {}, [call]],
    ["closed, called, time window", { rules: windowed }, [call]],
    ["open, refused", { rules: [Breaker.consecutive(1)] }, [Effect.fail("bad"), call]],
  ] as const) {
    const sizes: Array<number> = []
    for (let round = 0; round < 5; round++) {
      const own = Scope.makeUnsafe()
      const map = await Effect.runPromise(
        Effect.provideService(BreakerMap.make<string>({ name: "b", maxKeys: count, ...options }), Scope.Scope, own),
      )
      const before = collected()
      for (let i = 0; i < count; i++) {
        for (const outcome of outcomes) await Effect.runPromise(Effect.ignore(map.protect(`server ${i}`, outcome)))
      }
      sizes.push((collected() - before) / map.size())
      await Effect.runPromise(Scope.close(own, Exit.void))
    }
    console.log(`heap of a key, ${what}: ${median(sizes).toFixed(0)} B (asked: <= 1024 B)`)
  }
}

const run = async (name: string) => {
  const found = cases[name]
  if (found === undefined) return memory()
  const times = await measure(await found.contenders(), { operations, rounds: 21 })
  for (const [to, most] of Object.entries(found.to)) {
    const asked = most === undefined ? "" : ` (asked: <= ${most})`
    console.log(`${found.of}, of ${to}: ${ratio(times, found.of, to).toFixed(most === 0.08 ? 3 : 2)}${asked}`)
  }
  console.log(`  ${[...times].map(([who, all]) => `${who} ${median(all).toFixed(0)} ns`).join(", ")}`)
}

const [name] = process.argv.slice(2)
if (name === undefined) {
  for (const one of [...Object.keys(cases), "memory"]) {
    spawnSync(process.execPath, [...process.execArgv, import.meta.filename, one], { stdio: "inherit" })
  }
} else {
  await run(name)
  process.exit()
}
