/**
 * What the sessions of one proxy share, and what each of them says to the others' keeper.
 */
import type * as Effect from "effect/Effect"
import type { Loss, Receipt } from "../Proxy.ts"
import type { Account } from "./receipts.ts"
import type { Rules } from "./rules.ts"
import type { Session } from "./session.ts"
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
  /** Clients came or went. */
  readonly resized: (change: number) => void
}
