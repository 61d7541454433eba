/**
 * What one link tells: events, and its part in the row and the numbers of its target.
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Connectivity from "../Connectivity.ts"
import type * as EventSchema from "../EventSchema.ts"
import * as Events from "../Events.ts"
import * as Targets from "./targets.ts"

/** Speaks for one link. */
export class Reporter {
  readonly #context: Context.Context<never>
  readonly #target: Targets.Target
  #state: Connectivity.State = "Idle"
  #lostAt: number | undefined
  readonly #held: boolean
  #open = false

  constructor(context: Context.Context<never>, program: string, target: string, held = false) {
    this.#context = context
    this.#target = Targets.enter(context, program, target)
    this.#target.states[this.#state]++
    this.#held = held
    if (held) this.held(1)
  }

  moved(to: Connectivity.State): void {
    this.#target.states[this.#state]--
    this.#target.states[to]++
    this.#state = to
  }

  /** One holder more, or fewer. */
  held(by: 1 | -1): void {
    this.#target.refs += by
  }

  /** A dial begins; the answer is its number, counted over the target. */
  connecting(): number {
    const attempt = ++this.#target.attempts
    this.#emit({ _tag: "Connecting", ...this.#about(), attempt })
    return attempt
  }

  connected(attempt: number, tookMillis: number): void {
    const about = this.#about()
    const downMillis = this.#lostAt === undefined ? null : about.at - this.#lostAt
    this.#target.lastError = null
    this.#lostAt = undefined
    this.#open = true
    this.#target.open++
    this.#emit({ _tag: "Connected", ...about, attempt, tookMillis, downMillis })
  }

  failed(
    attempt: number,
    tookMillis: number,
    result: typeof EventSchema.Result.Type,
    why: string,
    retryInMillis: number | null,
  ): void {
    this.#target.lastError = why
    this.#emit({ _tag: "Failed", ...this.#about(), attempt, tookMillis, result, why, retryInMillis })
  }

  /** The link was closed while it dialled: nothing is known about the peer. */
  gaveUp(attempt: number, tookMillis: number): void {
    const why = "nobody waited for the answer"
    this.#emit({ _tag: "Failed", ...this.#about(), attempt, tookMillis, result: "cancelled", why, retryInMillis: null })
  }

  lost(reason: typeof EventSchema.Reason.Type, why: string, upMillis: number): void {
    const about = this.#about()
    if (reason !== "local") this.#target.lastError = why
    this.#lostAt = about.at
    this.#open = false
    this.#target.open--
    this.#emit({ _tag: "Lost", ...about, reason, why, upMillis })
  }

  /** A defect in somebody's dial: retried like a failure, but seen. */
  bug(cause: Cause.Cause<unknown>): void {
    Effect.runForkWith(this.#context)(Effect.logError(`dialling ${this.#target.name} died`, cause))
  }

  /** The link is closed: the row and the series of its target go with the last. */
  leave(): void {
    this.#target.states[this.#state]--
    if (this.#open) this.#target.open--
    if (this.#held) this.held(-1)
    this.#target.leave()
  }

  #about() {
    const { name: target, program } = this.#target
    return { at: Context.get(this.#context, Clock.Clock).currentTimeMillisUnsafe(), program, target }
  }

  #emit(event: Events.Known): void {
    Context.get(this.#context, Events.Events).emit(event)
  }
}
