/**
 * Kills a server every few seconds, without a word to its clients, and starts it again where it was.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type { RunError } from "./failure.ts"

/** A server that runs until its scope closes. */
export interface Victim {
  /** `HOST:PORT`. */
  readonly address: string
  /** Cuts every connection. */
  readonly cut: () => void
}

/** What to do to whom. */
export interface Options {
  /** Starts it on this `HOST:PORT`. */
  readonly start: (address: string) => Effect.Effect<Victim, RunError, Scope.Scope>
  /** It is dead, and not yet started again. */
  readonly onKilled: () => void
}

/** A server that is killed again and again. */
export interface Chaos {
  readonly address: string
  /** Kills no more, and waits until it is there. */
  readonly stop: Effect.Effect<void>
}

/** Starts it on a free port; it lives, and dies, until the scope closes. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Chaos, RunError, Scope.Scope> {
  const scope = yield* Effect.scope
  const told = yield* Deferred.make<void>()
  const born = Effect.fnUntraced(function* (address: string) {
    const life = yield* Scope.fork(scope)
    const victim = yield* options.start(address).pipe(
      Scope.provide(life),
      Effect.onError(() => Scope.close(life, Exit.void)),
    )
    return { victim, life }
  })
  const first = yield* born("127.0.0.1:0")
  const { address } = first.victim

  // The port is ours but for a moment: whoever took it meanwhile gives it back, or `holdfast up` goes on without its upstream.
  const again = born(address).pipe(
    Effect.tapError((error) => Effect.logWarning(error.message)),
    Effect.retry(Schedule.spaced("250 millis")),
  )
  const pause = Effect.fnUntraced(function* (from: number, to: number) {
    const time = Duration.millis(yield* Random.nextBetween(from, to))
    yield* Effect.raceFirst(Deferred.await(told), Effect.sleep(time))
  })
  const live = Effect.gen(function* () {
    let { life, victim } = first
    while (true) {
      yield* pause(2000, 5000)
      if (yield* Deferred.isDone(told)) return
      victim.cut()
      yield* Scope.close(life, Exit.void)
      options.onKilled()
      yield* Effect.logInfo("the upstream is killed")
      yield* pause(200, 1000)
      ;({ life, victim } = yield* again)
    }
  })
  const fiber = yield* Effect.forkScoped(live)
  return { address, stop: Effect.andThen(Deferred.succeed(told, undefined), Effect.asVoid(Fiber.await(fiber))) }
})
