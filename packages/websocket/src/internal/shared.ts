/**
 * What the sessions of one proxy share, and what each of them says to the others' keeper.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Loss, Receipt } from "../Proxy.ts"
import type { Account } from "./receipts.ts"
import type { Rules } from "./rules.ts"
import type { Session } from "./session.ts"
import type { Key } from "./tokens.ts"
import type { Traffic } from "./traffic.ts"
import type { Wheel } from "./wheel.ts"

export interface Shared {
  readonly rules: Rules
  readonly wheel: Wheel
  readonly up: Traffic
  readonly down: Traffic
  /** Runs what must wait, supervised by the proxy. */
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly receipt: (account: Account) => typeof Receipt.Type
  readonly onLost: (loss: Loss) => void
  readonly onBack: (receipt: typeof Receipt.Type) => void
  /** Everything of it has ended. Once. */
  readonly over: (session: Session) => void
  /** Its tokens and its names find it no more. */
  readonly closing: (session: Session) => void
  /** The client has its token of that turn. */
  readonly settled: (session: Session, turn: number) => void
  /** The upstream gave it a name. */
  readonly named: (session: Session, id: string) => void
  /** Bytes in memory beside the flows, more or fewer. */
  readonly booked: (change: number) => void
  /** Nobody new is let in any more. */
  readonly draining: () => boolean
  /** A client came or went, and so many are there now. */
  readonly resized: (change: 1 | -1, clients: number) => void
}

/** What one session is made of. */
export interface SessionOptions {
  /** As the upstream sees it. */
  readonly id: string
  /** As logs and lists show it. */
  readonly label: string
  /** Who it belongs to, in the words of `authorize`. */
  readonly principal: string
  /** The digest of who may come back for it. */
  readonly binding: string
  readonly key: Key
  /** The client wants to see the gate's message. */
  readonly forward: boolean
  /** Closes when it is over, and cuts what is left. */
  readonly scope: Scope.Closeable
  readonly shared: Shared
}
