/**
 * A customer who asks until there is an answer, over a connection that is dialled again when it breaks or falls silent, and a bad day.
 */
import { type FaultPlan, Fault } from "@holdfast/testing"
import * as FaultProxy from "@holdfast/testing/FaultProxy"
import { Console, Effect, Exit, Scope } from "effect"
import { connect, type Connection, Shop } from "./peers.ts"

// A question and its answer are two messages.
const badDay: FaultPlan.FaultPlan = {
  seed: 1,
  faults: [
    { at: "message:2", on: "*", fault: Fault.reset(), for: "0ms" },
    { at: "message:4", on: "*", fault: Fault.refuse, for: "200ms" },
    { at: "message:4", on: "*", fault: Fault.closeClean(), for: "0ms" },
    { at: "message:6", on: "*", fault: Fault.partition(), for: "1s" },
  ],
  healAt: "1m",
}

export const program = Effect.gen(function* () {
  const { address } = yield* Shop
  const proxy = yield* FaultProxy.make({ upstream: address })
  yield* Effect.forkScoped(proxy.play(badDay), { startImmediately: true })
  const ask = customer(proxy.address)
  for (const name of ["tea", "milk", "rice", "salt"]) yield* Console.log(yield* ask(name))
}).pipe(Effect.scoped)

/** Asks again, on a new connection, until there is an answer; and says what went wrong before. */
const customer = (address: string) => {
  let scope: Scope.Closeable | undefined
  let connection: Connection | undefined
  const attempt = Effect.fnUntraced(function* (name: string) {
    scope ??= yield* Scope.make()
    connection ??= yield* Scope.provide(connect(address), scope)
    return yield* connection.ask(name)
  })
  const hangUp = Effect.suspend(() => {
    const closing = scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
    scope = connection = undefined
    return closing
  })
  return Effect.fnUntraced(function* (name: string) {
    const mishaps = new Set<string>()
    while (true) {
      const tried = yield* attempt(name).pipe(
        Effect.timeoutOrElse({ duration: "300 millis", orElse: () => Effect.fail("silence") }),
        Effect.result,
      )
      if (tried._tag === "Success") return [...mishaps, tried.success].join(", then ")
      mishaps.add(tried.failure)
      yield* hangUp
      yield* Effect.sleep("20 millis")
    }
  })
}
