/**
 * Small programs, each with one of Effect's ways to wait. What they compute does not depend on who runs first; how they get there does.
 */
import type { Sim } from "@holdfast/testing"
import {
  Cause,
  Deferred,
  Duration,
  Effect,
  FiberMap,
  Latch,
  Pool,
  PubSub,
  Queue,
  Random,
  RcMap,
  Ref,
  Schedule,
  ScopedCache,
  Semaphore,
  Stream,
  SubscriptionRef,
} from "effect"

const numbers = Array.from({ length: 8 }, (_, n) => n)
const all = { concurrency: "unbounded", discard: true } as const

const expect = (actual: unknown, expected: unknown): Effect.Effect<void> =>
  JSON.stringify(actual) === JSON.stringify(expected)
    ? Effect.void
    : Effect.die(new Error(`${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`))

const queue = Effect.gen(function* () {
  const jobs = yield* Queue.bounded<number, Cause.Done>(2)
  const taken: Array<number> = []
  const worker = Effect.forever(
    Effect.flatMap(Queue.take(jobs), (n) =>
      Effect.delay(
        Effect.sync(() => taken.push(n)),
        n,
      ),
    ),
  )
  yield* Effect.all(
    [
      Effect.catch(worker, () => Effect.void),
      Effect.catch(worker, () => Effect.void),
      Effect.andThen(
        Effect.forEach(numbers, (n) => Queue.offer(jobs, n), all),
        Queue.end(jobs),
      ),
    ],
    all,
  )
  yield* expect(taken.sort(), numbers)
})

const semaphore = Effect.gen(function* () {
  const permits = yield* Semaphore.make(3)
  let [inside, most] = [0, 0]
  const enter = Effect.gen(function* () {
    most = Math.max(most, ++inside)
    yield* Effect.sleep(yield* Random.nextIntBetween(1, 5))
    inside--
  })
  yield* Effect.forEach(numbers, () => permits.withPermits(1)(enter), all)
  yield* expect([inside, most], [0, 3])
})

const latch = Effect.gen(function* () {
  const door = yield* Latch.make()
  const through = yield* Ref.make(0)
  const passes = Effect.andThen(
    door.await,
    Ref.update(through, (n) => n + 1),
  )
  yield* Effect.all([Effect.forEach(numbers, () => passes, all), Effect.delay(door.open, "1 second")], all)
  yield* expect(yield* Ref.get(through), 8)
})

const pubsub = Effect.gen(function* () {
  const hub = yield* PubSub.bounded<number>(2)
  const heard: Array<number> = []
  const ready = yield* Latch.make()
  const listener = Effect.scoped(
    Effect.gen(function* () {
      const subscription = yield* PubSub.subscribe(hub)
      yield* ready.await
      for (const _ of numbers) heard.push(yield* PubSub.take(subscription))
    }),
  )
  yield* Effect.all(
    [
      listener,
      listener,
      Effect.delay(ready.open, 1),
      Effect.delay(
        Effect.forEach(numbers, (n) => PubSub.publish(hub, n)),
        2,
      ),
    ],
    all,
  )
  yield* expect(heard.sort(), [...numbers, ...numbers].sort())
})

const stream = Effect.gen(function* () {
  const slow = (n: number) => Effect.delay(Effect.succeed(n), 8 - n)
  const found = yield* Stream.fromIterable(numbers).pipe(
    Stream.mapEffect(slow, { concurrency: 3, unordered: true }),
    Stream.merge(Stream.fromSchedule(Schedule.spaced("2 millis")).pipe(Stream.take(3))),
    Stream.buffer({ capacity: 2 }),
    Stream.runCollect,
  )
  yield* expect(found.sort(), [...numbers, 0, 1, 2].sort())
})

const schedule = Effect.gen(function* () {
  const attempts = yield* Ref.make(0)
  const dial = Effect.andThen(
    Ref.update(attempts, (n) => n + 1),
    Effect.fail("down"),
  )
  const backoff = Schedule.exponential("1 second").pipe(Schedule.jittered, Schedule.upTo({ times: 5 }))
  yield* Effect.all([Effect.ignore(Effect.retry(dial, backoff)), Effect.ignore(Effect.retry(dial, backoff))], all)
  yield* expect(yield* Ref.get(attempts), 12)
})

const pool = Effect.gen(function* () {
  const open = yield* Ref.make(0)
  const connection = Effect.acquireRelease(
    Effect.delay(
      Ref.updateAndGet(open, (n) => n + 1),
      5,
    ),
    () => Ref.update(open, (n) => n - 1),
  )
  const items = yield* Pool.makeWithTTL({ acquire: connection, min: 1, max: 3, timeToLive: "1 second" })
  const use = Effect.scoped(Effect.andThen(Pool.get(items), Effect.sleep(10)))
  yield* Effect.forEach(numbers, () => use, all)
  yield* Effect.sleep("10 seconds")
  yield* expect(yield* Ref.get(open), 1)
})

const rcMap = Effect.gen(function* () {
  const dials = yield* Ref.make(0)
  const map = yield* RcMap.make({
    lookup: (key: string) =>
      Effect.acquireRelease(
        Effect.delay(
          Ref.updateAndGet(dials, (n) => n + 1),
          10,
        ),
        () => Effect.sleep(1),
      ).pipe(Effect.as(key)),
    idleTimeToLive: "1 second",
  })
  const use = (n: number) =>
    Effect.scoped(Effect.andThen(Effect.sleep(n), RcMap.get(map, n % 2 === 0 ? "even" : "odd")))
  yield* Effect.forEach(numbers, use, all)
  yield* Effect.sleep("5 seconds")
  yield* use(1)
  yield* expect(yield* Ref.get(dials), 3)
})

const fiberMap = Effect.gen(function* () {
  const fibers = yield* FiberMap.make<number>()
  const ended = yield* Ref.make(0)
  const job = (n: number) =>
    Effect.ensuring(
      Effect.sleep(10 + n),
      Ref.update(ended, (n) => n + 1),
    )
  yield* Effect.forEach([...numbers, ...numbers], (n) => FiberMap.run(fibers, n, job(n)), all)
  yield* FiberMap.awaitEmpty(fibers)
  const count = yield* Ref.get(ended)
  // A job that is replaced before its first step never began.
  if (count < 8 || count > 16) return yield* Effect.die(new Error(`${count} ended`))
})

const subscriptionRef = Effect.gen(function* () {
  const state = yield* SubscriptionRef.make(0)
  const reader = SubscriptionRef.changes(state).pipe(
    Stream.takeUntil((n) => n === 5),
    Stream.runLast,
  )
  const writer = Effect.forEach([1, 2, 3, 4, 5], (n) => Effect.delay(SubscriptionRef.set(state, n), 3))
  yield* Effect.all([reader, reader, writer], all)
})

const scopedCache = Effect.gen(function* () {
  const lookups = yield* Ref.make(0)
  const cache = yield* ScopedCache.make({
    lookup: (n: number) =>
      Effect.delay(
        Effect.as(
          Ref.update(lookups, (n) => n + 1),
          n,
        ),
        5,
      ),
    capacity: 10,
    timeToLive: "1 minute",
  })
  yield* Effect.forEach(numbers, (n) => ScopedCache.get(cache, n % 3), all)
  yield* expect(yield* Ref.get(lookups), 3)
})

const race = Effect.gen(function* () {
  const signal = yield* Deferred.make<string>()
  const slow = Effect.delay(Deferred.succeed(signal, "slow"), "3 seconds")
  const found = yield* Effect.race(
    Effect.andThen(slow, Deferred.await(signal)),
    Effect.delay(Effect.succeed("fast"), Duration.seconds(2)),
  )
  yield* expect(found, "fast")
  yield* expect((yield* Effect.timeoutOption(Deferred.await(signal), "1 second"))._tag, "None")
})

/** By what they use. */
export const programs: Readonly<Record<string, Effect.Effect<void, unknown, Sim.World>>> = {
  Queue: queue,
  Semaphore: semaphore,
  Latch: latch,
  PubSub: pubsub,
  Stream: stream,
  Schedule: schedule,
  Pool: pool,
  RcMap: rcMap,
  FiberMap: fiberMap,
  SubscriptionRef: subscriptionRef,
  ScopedCache: scopedCache,
  "race and timeout": race,
}
