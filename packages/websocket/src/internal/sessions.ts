/**
 * All sessions of a proxy: what they share, how they are found again, and what they take together.
 */
import * as Bytes from "@holdfast/core/Bytes"
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
import { type Options as SessionOptions, Session } from "./session.ts"
import type { Shared } from "./shared.ts"
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
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly onLost: (loss: Loss) => void
  readonly onBack: (receipt: typeof Receipt.Type) => void
}

/** None yet; closing the scope drains them. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const { fork, name, rules, wheel } = options
  const [up, down] = [Traffic.none(), Traffic.none()]
  const counts: Reports.Counts = { resumed: 0, refused: 0, open: () => sockets(registry.sessions()) }
  const registry = yield* Registry.make({
    name,
    drainTimeout: options.drainTimeout,
    measures: Reports.measures(name, up, down, counts),
  })
  const tokens = new Tokens<Session>()
  const names = new Map<string, Session>()
  const throttle = new Throttle(wheel.now)
  const memory = new Memory({
    limit: Bytes.toNumber(options.memory),
    up,
    down,
    wheel,
    sessions: registry.sessions,
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
    closing: (session) => {
      tokens.remove(session)
      for (const id of session.names) if (names.get(id) === session) names.delete(id)
    },
    settled: (session, turn) => tokens.settle(session, turn),
    named: (session, id) => {
      if (names.has(id)) return
      session.names.push(id)
      names.set(id, session)
    },
    unfinished: (change) => memory.unfinished(change),
    draining: registry.draining,
    resized: registry.resized,
  }

  return {
    fork,
    registry,
    memory,
    tokens,
    named: (id: string) => names.get(id),
    /** A session that is not known yet; when it is over its scope closes. */
    make: (of: Omit<SessionOptions, "shared" | "onOver">): Session => {
      const session = new Session({
        ...of,
        shared,
        onOver: () => {
          // Before it has left: the proxy may be waiting for nothing else, and then nobody runs this any more.
          fork(Effect.uninterruptible(Scope.close(of.scope, Exit.void)))
          registry.left(session)
        },
      })
      return session
    },
    /** From now on it is listed, and found by its token and, if it has one, by its name. */
    add: (session: Session, id?: string) => {
      registry.joined(session)
      tokens.add(session)
      if (id !== undefined) shared.named(session, id)
      memory.watch()
    },
    resumed: () => {
      counts.resumed++
    },
    /** Somebody came back for nothing; `false` when that happens too often. */
    refused: (remote: string): boolean => {
      counts.refused++
      return throttle.failed(remote)
    },
  }
})

export type Sessions = Effect.Success<ReturnType<typeof make>>

const sockets = (sessions: Iterable<Session>) => {
  const open = { client: 0, upstream: 0 }
  for (const session of sessions) {
    open.client += session.clients
    if (session.hasUpstream) open.upstream++
  }
  return open
}
