/**
 * Faults by key, for whoever sits in front of the terminal: most stay until the same key is pressed again.
 */
import { Fault } from "@holdfast/testing"
import type { FaultProxy } from "@holdfast/testing/FaultProxy"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as LiveLine from "./liveLine.ts"
import * as Process from "./process.ts"

/** What a key does. */
interface Key {
  readonly name: string
  readonly fault: Fault.Fault
  /** Hits who is there, and is over. */
  readonly once?: true
}

const keys: Readonly<Record<string, Key>> = {
  l: { name: "latency", fault: Fault.latency({ delay: "200ms", jitter: "100ms" }) },
  s: { name: "slow", fault: Fault.bandwidth({ bytesPerSec: "10KiB" }) },
  b: { name: "blackhole", fault: Fault.blackhole() },
  p: { name: "partition", fault: Fault.partition({ hold: true }) },
  x: { name: "refuse", fault: Fault.refuse },
  r: { name: "reset", fault: Fault.reset(), once: true },
  c: { name: "close", fault: Fault.closeClean(), once: true },
}

const help =
  Object.entries(keys)
    .map(([key, { name, once }]) => `${key} ${name}${once ? "" : " on/off"}`)
    .join(", ") + ", h heal, q stop"

/** Hears keys until the scope closes, if there is a terminal; completes `stop` for `q`. */
export const hear = Effect.fnUntraced(function* (
  proxy: FaultProxy,
  stop: Effect.Effect<unknown>,
): Effect.fn.Return<void, never, Scope.Scope> {
  const { err, keys: hear } = yield* Process.Process
  const pressed = yield* Queue.dropping<string>(64)
  if (!(yield* hear((key) => void Queue.offerUnsafe(pressed, key)))) return
  const scope = yield* Effect.scope
  const on = new Map<string, Scope.Closeable>()
  const off = (key: string) => {
    const life = on.get(key)
    on.delete(key)
    return life === undefined ? Effect.void : Scope.close(life, Exit.void)
  }
  const press = Effect.fnUntraced(function* (key: string) {
    if (key === "h") return yield* Effect.forEach([...on.keys()], off, { discard: true })
    if (key === "q") return yield* stop
    const found = keys[key]
    if (found === undefined) return err(`${help}\n`)
    if (on.has(key)) return yield* off(key)
    const life = yield* Scope.fork(scope)
    yield* Effect.orDie(Scope.provide(proxy.inject(found.fault), life)) // all of these can happen on a real port
    on.set(key, life)
    if (found.once) yield* off(key)
  })
  yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(pressed), press)))
  err(`${help}\n`)
  const names = () => (on.size === 0 ? "well" : [...on.keys()].map((key) => keys[key]!.name).join(", "))
  yield* LiveLine.start(() => `connections ${Effect.runSync(proxy.open)}  ${names()}`)
})
