/**
 * Who of a session is away, since when, and what may not have arrived there. Each outage becomes a loss receipt when it is over.
 */
import type { Loss, Receipt } from "../Proxy.ts"
import type { CloseInfo } from "../Transport.ts"
import type { Range } from "./outlet.ts"
import * as Receipts from "./receipts.ts"
import type { Uncertain } from "./rules.ts"
import type { Traffic } from "./traffic.ts"

type Hop = Loss["hop"]

export interface Options {
  readonly session: string
  readonly principal: string
  readonly policy: Uncertain
  /** What goes to that hop. */
  readonly traffic: (hop: Hop) => Traffic
  /** Attempts to reach the upstream so far. */
  readonly dials: () => number
  readonly now: () => number
  readonly receipt: (account: Receipts.Account) => typeof Receipt.Type
  readonly onLost: (loss: Loss) => void
  readonly onBack: (receipt: typeof Receipt.Type) => void
}

interface Outage {
  readonly since: number
  readonly dials: number
  readonly uncertain: Range | undefined
}

/** The outages of one session. */
export class Outages {
  /** The last ones that are over. */
  readonly receipts: Array<typeof Receipt.Type> = []
  readonly #options: Options
  readonly #open = new Map<Hop, Outage>()

  constructor(options: Options) {
    this.#options = options
  }

  /** Somebody is gone. */
  began(hop: Hop, { code, reason }: Pick<CloseInfo, "code" | "reason">, uncertain: Range | undefined): void {
    const { dials, now, onLost, policy, principal, session, traffic } = this.#options
    this.#open.set(hop, { since: now(), dials: dials(), uncertain })
    if (policy !== "replay") traffic(hop).uncertain[policy === "fail" ? "failed" : "dropped"] += size(uncertain)
    onLost({ session, principal, hop, code, reason })
  }

  /** Somebody is there again, or nobody will be; so many messages had waited. */
  over(hop: Hop, { back, waiting }: { readonly back: boolean; readonly waiting: number }): void {
    const outage = this.#open.get(hop)
    if (outage === undefined) return
    this.#open.delete(hop)
    const { dials, now, onBack, policy, receipt, session, traffic } = this.#options
    const { since, uncertain } = outage
    const outcome = policy === "fail" ? "failed" : policy === "replay" && back ? "replayed" : "dropped"
    if (policy === "replay") traffic(hop).uncertain[outcome] += size(uncertain)
    const written = receipt({
      session,
      hop,
      back,
      awayMillis: Math.round(now() - since),
      dials: hop === "client" ? 0 : dials() - outage.dials,
      held: back ? waiting : 0,
      lost: back ? 0 : waiting,
      uncertain: size(uncertain),
      range: uncertain ?? null,
      outcome,
    })
    this.receipts.push(written)
    if (this.receipts.length > Receipts.kept) this.receipts.shift()
    onBack(written)
  }
}

const size = (range: Range | undefined): number => (range === undefined ? 0 : range[1] - range[0] + 1)
