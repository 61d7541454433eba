/**
 * What links, maps of links and events cost. Run: node --conditions=source --expose-gc bench/core/links.ts
 */
import { Events, Link, LinkMap } from "@holdfast/core"
import { Context, Effect, Exit, Metric, RcMap, Scope } from "effect"
import { measure, median, ratio } from "../kit/rounds.ts"

const connection = () => ({ socket: {}, onClose: undefined as (() => void) | undefined })

const sharing = Effect.gen(function* () {
  const map = yield* LinkMap.make({ connect: () => Effect.sync(connection), idle: "1 hour" })
  const rc = yield* RcMap.make({ lookup: (_: string) => Effect.sync(connection), idleTimeToLive: "1 hour" })
  // Held open, so that only get and release of a live connection are measured.
  yield* map.get("key")
  yield* RcMap.get(rc, "key")
  const context = yield* Effect.context<never>()
  const repeat = (once: Effect.Effect<unknown, Link.LinkError>) => (operations: number) =>
    Effect.runPromiseWith(context)(
      Effect.gen(function* () {
        for (let i = 0; i < operations; i++) yield* once
      }),
    )
  const times = yield* Effect.promise(() =>
    measure(
      [
        { name: "LinkMap", run: repeat(Effect.scoped(map.get("key"))) },
        { name: "RcMap", run: repeat(Effect.scoped(RcMap.get(rc, "key"))) },
      ],
      { operations: 50_000 },
    ),
  )
  print("LinkMap get and release, hot, of RcMap", ratio(times, "LinkMap", "RcMap"), "<= 1.0", times)
}).pipe(Effect.scoped)

const emitting = Effect.gen(function* () {
  const events = yield* Events.Events
  const context = yield* Effect.context<never>()
  let read = 0
  for (let reader = 0; reader < 3; reader++) {
    let last = 0
    const follow = Effect.gen(function* () {
      const batch = yield* events.after(last)
      last = batch.at(-1)!.id
      read += batch.length
    })
    yield* Effect.forkScoped(Effect.forever(follow), { startImmediately: true })
  }
  const counter = Metric.counter("bench_total", { attributes: { target: "t" } })
  const event: Events.Known = { _tag: "Connecting", at: 0, program: "bench", target: "t", attempt: 1 }
  // A turn of the event loop after every 100, as a busy program has.
  const batches = (once: () => void) => async (operations: number) => {
    for (let done = 0; done < operations; done += 100) {
      for (let i = 0; i < 100; i++) once()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const times = yield* Effect.promise(() =>
    measure(
      [
        { name: "emit", run: batches(() => events.emit(event)) },
        { name: "Metric.updateUnsafe", run: batches(() => counter.updateUnsafe(1, context)) },
      ],
      { operations: 100_000 },
    ),
  )
  print("emit with three readers, of Metric.updateUnsafe", ratio(times, "emit", "Metric.updateUnsafe"), "<= 4", times)
  console.log(`  (${read} entries read)`)
}).pipe(Effect.provide(Events.layer()), Effect.scoped)

/** Heap of so many things, in bytes each, after garbage collection. */
const heap = Effect.fnUntraced(function* <A, E, R>(make: (index: number) => Effect.Effect<A, E, R>, count: number) {
  const scope = yield* Scope.make()
  const kept: Array<A> = []
  const before = collected()
  yield* Effect.gen(function* () {
    for (let i = 0; i < count; i++) kept.push(yield* make(i))
  }).pipe(Effect.provideService(Scope.Scope, scope))
  const bytes = (collected() - before) / kept.length
  yield* Scope.close(scope, Exit.void)
  return bytes
})

const collected = () => {
  for (let i = 0; i < 4; i++) globalThis.gc!()
  return process.memoryUsage().heapUsed
}

const keeping = Effect.gen(function* () {
  const ready = (target: (index: number) => string) => (index: number) =>
    Effect.gen(function* () {
      const link = yield* Link.make({ target: target(index), connect: Effect.sync(connection), eager: true })
      if (link.state() !== "Ready") return yield* Effect.die("not Ready")
      return link
    })
  const results: Record<string, Array<number>> = { same: [], own: [] }
  for (let round = 0; round < 5; round++) {
    const bare = yield* heap(() => Effect.sync(connection), 10_000)
    results["same"]!.push(
      (yield* heap(
        ready(() => "t"),
        10_000,
      )) - bare,
    )
    results["own"]!.push(
      (yield* heap(
        ready((index) => `t${index}`),
        10_000,
      )) - bare,
    )
  }
  console.log(`a Ready Link, heap: ${median(results["same"]!).toFixed(0)} B (asked: <= 2048 B)`)
  console.log(`  with a target of its own, its metric series included: ${median(results["own"]!).toFixed(0)} B`)
}).pipe(Effect.provide(Events.layer()))

const print = (what: string, found: number, asked: string, times: ReadonlyMap<string, ReadonlyArray<number>>) => {
  const each = [...times].map(([name, all]) => `${name} ${median(all).toFixed(0)} ns`).join(", ")
  console.log(`${what}: ${found.toFixed(2)} (asked: ${asked}); ${each}`)
}

await Effect.runPromise(
  Effect.provideContext(Effect.andThen(Effect.andThen(sharing, emitting), keeping), Context.empty()),
)
