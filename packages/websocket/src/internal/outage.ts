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
  /** Somebody is there again, since then, and so many messages had waited. */
  back?: { readonly at: number; readonly waiting: number; readonly dials: number }
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

  /** Somebody is gone; so many messages wait for whoever comes next. */
  began(
    hop: Hop,
    { code, reason }: Pick<CloseInfo, "code" | "reason">,
    uncertain: Range | undefined,
    waiting = 0,
  ): void {
    const { dials, now, onLost, policy, principal, session, traffic } = this.#options
    this.settle(hop, waiting)
    this.#open.set(hop, { since: now(), dials: dials(), uncertain })
    if (policy !== "replay") traffic(hop).uncertain[policy === "fail" ? "failed" : "dropped"] += size(uncertain)
    onLost({ session, principal, hop, code, reason })
  }

  isOpen(hop: Hop): boolean {
    return this.#open.has(hop)
  }

  /** Somebody is there again. The receipt waits until what had waited is sent on. */
  back(hop: Hop, waiting: number): void {
    const outage = this.#open.get(hop)
    if (outage === undefined) return
    outage.back = { at: this.#options.now(), waiting, dials: this.#options.dials() }
    if (waiting === 0) this.settle(hop, 0)
  }

  /** Of what had waited for somebody who is back, so many still wait: for somebody else, or nobody. */
  settle(hop: Hop, waiting: number): void {
    const back = this.#open.get(hop)?.back
    if (back !== undefined) this.#write(hop, Math.max(0, back.waiting - waiting), 0)
  }

  /** It is over, and nobody will be there any more for these. */
  over(hop: Hop, waiting: number): void {
    const outage = this.#open.get(hop)
    if (outage === undefined) return
    this.#write(hop, outage.back === undefined ? 0 : Math.max(0, outage.back.waiting - waiting), waiting)
  }

  /** Somebody is gone for whom nobody waits. */
  once(hop: Hop, end: Pick<CloseInfo, "code" | "reason">, uncertain: Range | undefined, lost: number): void {
    this.began(hop, end, uncertain)
    this.over(hop, lost)
  }

  #write(hop: Hop, held: number, lost: number): void {
    const { back, dials, since, uncertain } = this.#open.get(hop)!
    this.#open.delete(hop)
    const { now, onBack, policy, receipt, session, traffic } = this.#options
    const replayed = policy === "replay" && back !== undefined
    const outcome = policy === "fail" ? "failed" : replayed ? "replayed" : "dropped"
    if (policy === "replay") traffic(hop).uncertain[outcome] += size(uncertain)
    const written = receipt({
      session,
      hop,
      back: back !== undefined,
      awayMillis: Math.round((back?.at ?? now()) - since),
      dials: hop === "client" ? 0 : (back?.dials ?? this.#options.dials()) - dials,
      held,
      lost,
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
