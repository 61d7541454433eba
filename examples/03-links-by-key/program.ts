/**
 * Connections shared by key: a thousand users, one dial per store; a bad connection is retired under its holders.
 */
import { LinkMap } from "@holdfast/core"
import { Console, Effect } from "effect"

interface Store {
  readonly name: string
  readonly number: number
}

let dials = 0

/** One connection per store, however many ask; kept half a minute after the last one left. */
class Stores extends LinkMap.Service<Stores>()("example/Stores", {
  connect: (name: string) =>
    Effect.acquireRelease(
      Effect.sync((): Store => ({ name, number: ++dials })),
      (store) => Console.log(`connection ${store.number} to ${store.name} closed`),
    ),
  idle: "30 seconds",
}) {}

export const program = Effect.gen(function* () {
  const stores = yield* Stores
  const names = Array.from({ length: 1000 }, (_, index) => (index % 2 === 0 ? "berlin" : "tokyo"))
  const answers = yield* Effect.forEach(
    names,
    (name) => stores.use(name, (store) => Effect.as(Effect.yieldNow, store.number)),
    { concurrency: "unbounded" },
  )
  yield* Console.log(`${answers.length} answers over ${dials} connections`)

  const suspect = yield* stores.get("berlin")
  yield* stores.retire("berlin", { only: suspect, why: "answers nonsense" })
  const again = yield* stores.retire("berlin", { only: suspect, why: "a late report" })
  const fresh = yield* stores.get("berlin")
  yield* Console.log(`the late report did ${again ? "harm" : "nothing"}; berlin has connection ${fresh.number} now`)
}).pipe(Effect.scoped, Effect.provide(Stores.layer))
