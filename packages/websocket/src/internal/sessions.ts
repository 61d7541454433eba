/**
 * All sessions of a proxy: what they share, how they are found again, and what they take together.
 */
import * as Bytes from "@holdfast/core/Bytes"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Loss, Receipt } from "../Proxy.ts"
import { Memory } from "./memory.ts"
import * as Receipts from "./receipts.ts"
import * as Registry from "./registry.ts"
import * as Reports from "./reports.ts"
import type { Rules } from "./rules.ts"
import { Session } from "./session.ts"
import type { SessionOptions, Shared } from "./shared.ts"
import { Throttle } from "./throttle.ts"
import { Tokens } from "./tokens.ts"
import * as Traffic from "./traffic.ts"
import type { Wheel } from "./wheel.ts"

export interface Options {
  readonly name: string
  readonly rules: Rules
  readonly wheel: Wheel
  readonly drainTimeout: Duration.Input
  readonly memory: Bytes.Input
  /** Bytes of clients that have no answer yet. */
  readonly early: () => number
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly onLost: (loss: Loss) => void
  readonly onBack: (receipt: typeof Receipt.Type) => void
}

/** None yet; closing the scope drains them. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const { fork, name, rules, wheel } = options
  const [up, down] = [Traffic.none(), Traffic.none()]
  const limit = Bytes.toNumber(options.memory)
  const counts: Reports.Counts = {
    resumed: 0,
    refused: 0,
    turnedAway: { sessions: 0, memory: 0 },
    clients: () => registry.clients(),
    memory: () => ({ used: memory.used, limit }),
  }
  const registry = yield* Registry.make({
    name,
    drainTimeout: options.drainTimeout,
    measures: Reports.measures(name, up, down, counts),
  })
  const tokens = new Tokens<Session>()
  const names = new Map<string, Session>()
  const reserved = new Map<string, Deferred.Deferred<void>>()
  const isTaken = (id: string) => names.has(id) || reserved.has(id)
  /** Waits until nobody is about to have this id. */
  const decided = (id: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const done = reserved.get(id)
      return done === undefined ? Effect.void : Effect.andThen(Deferred.await(done), decided(id))
    })
  const throttle = new Throttle(wheel.now)
  const memory = new Memory({
    limit,
    up,
    down,
    wheel,
    sessions: registry.sessions,
    early: options.early,
  })
  const shared: Shared = {
    rules,
    wheel,
    up,
    down,
    fork,
    receipt: Receipts.make(yield* Effect.context<never>(), name),
    onLost: options.onLost,
    onBack: options.onBack,
    over: (session) => {
      // It leaves last: the proxy may be waiting for nothing else, and then nobody runs this any more.
      const left = Effect.sync(() => registry.left(session))
      fork(Effect.uninterruptible(Effect.ensuring(Scope.close(session.scope, Exit.void), left)))
    },
    closing: (session) => {
      tokens.remove(session)
      if (session.name !== undefined) names.delete(session.name)
    },
    settled: (session, turn) => tokens.settle(session, turn),
    named: (session, id) => {
      if (session.isClosing || session.name !== undefined || isTaken(id)) return
      session.name = id
      names.set(id, session)
    },
    booked: (change) => memory.book(change),
    draining: registry.draining,
    resized: registry.resized,
  }

  return {
    fork,
    registry,
    memory,
    tokens,
    named: (id: string) => names.get(id),
    /** Keeps an id from others until its session is there, or does not come about; `taken` if it is not free now. */
    reserving: <A, E, R, E2>(id: string, self: Effect.Effect<A, E, R>, taken: Effect.Effect<A, E2>) =>
      Effect.suspend((): Effect.Effect<A, E | E2, R> => {
        if (isTaken(id)) return taken
        const done = Deferred.makeUnsafe<void>()
        reserved.set(id, done)
        return Effect.ensuring(
          self,
          Effect.suspend(() => {
            reserved.delete(id)
            return Deferred.succeed(done, undefined)
          }),
        )
      }),
    decided,
    /** A session that is not known yet; when it is over its scope closes. */
    make: (of: Omit<SessionOptions, "shared">): Session => new Session({ ...of, shared }),
    /** From now on it is listed, and found by its token and, if it has one, by its name. */
    add: (session: Session, id?: string) => {
      registry.joined(session)
      tokens.add(session)
      if (id !== undefined) reserved.delete(id)
      if (id !== undefined) shared.named(session, id)
      memory.watch()
    },
    /** A newcomer was refused for want of this. */
    turnedAway: (why: "sessions" | "memory") => {
      counts.turnedAway[why]++
    },
    resumed: () => {
      counts.resumed++
    },
    /** Whether somebody from there has come back for nothing too often. */
    isThrottled: (remote: string): boolean => throttle.isExhausted(remote),
    /** Somebody came back for nothing; `false` when that happens too often. */
    refused: (remote: string): boolean => {
      counts.refused++
      return throttle.failed(remote)
    },
  }
})

export type Sessions = Effect.Success<ReturnType<typeof make>>
