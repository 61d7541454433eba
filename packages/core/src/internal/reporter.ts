/**
 * What a link tells: events, its row, and its part in the numbers of its target.
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Connectivity from "../Connectivity.ts"
import type * as EventSchema from "../EventSchema.ts"
import * as Events from "../Events.ts"
import { type Probe, type Row, Telemetry } from "../Telemetry.ts"
import * as Targets from "./targets.ts"

/** Speaks for one link. */
export class Reporter implements Probe {
  readonly #context: Context.Context<never>
  readonly #program: string
  readonly #target: string
  readonly #stats: Targets.Stats
  readonly #held: { readonly refs: number }
  #unlist: (() => void) | undefined
  #state: Connectivity.State = "Idle"
  #attempts = 0
  #lostAt: number | undefined
  #lastError: string | null = null

  constructor(
    context: Context.Context<never>,
    of: { readonly program: string; readonly target: string; readonly listed?: boolean | undefined },
    held: { readonly refs: number },
  ) {
    this.#context = context
    this.#program = of.program
    this.#target = of.target
    this.#held = held
    this.#stats = Targets.enter(context, of.target)
    this.#stats.states[this.#state]++
    if (of.listed !== false) this.#unlist = Context.get(context, Telemetry).add(this)
  }

  /** For lists; a link is its own probe. */
  row(): Row {
    return {
      _tag: "Link",
      program: this.#program,
      target: this.#target,
      state: this.#state,
      refs: this.#held.refs,
      attempts: this.#attempts,
      lastError: this.#lastError,
    }
  }

  moved(to: Connectivity.State): void {
    this.#stats.states[this.#state]--
    this.#stats.states[to]++
    this.#state = to
  }

  /** A dial begins; the answer is its number. */
  connecting(): number {
    this.#emit({ _tag: "Connecting", ...this.#about(), attempt: ++this.#attempts })
    return this.#attempts
  }

  connected(attempt: number, tookMillis: number): void {
    const about = this.#about()
    const downMillis = this.#lostAt === undefined ? null : about.at - this.#lostAt
    this.#lastError = null
    this.#lostAt = undefined
    this.#stats.open++
    this.#emit({ _tag: "Connected", ...about, attempt, tookMillis, downMillis })
  }

  failed(
    attempt: number,
    tookMillis: number,
    result: typeof EventSchema.Result.Type,
    why: string,
    retryInMillis: number | null,
  ): void {
    this.#lastError = why
    this.#emit({ _tag: "Failed", ...this.#about(), attempt, tookMillis, result, why, retryInMillis })
  }

  lost(reason: typeof EventSchema.Reason.Type, why: string, upMillis: number): void {
    const about = this.#about()
    this.#lastError = why
    this.#lostAt = about.at
    this.#stats.open--
    this.#emit({ _tag: "Lost", ...about, reason, why, upMillis })
  }

  /** A defect in somebody's dial: retried like a failure, but seen. */
  bug(cause: Cause.Cause<unknown>): void {
    Effect.runForkWith(this.#context)(Effect.logError(`dialling ${this.#target} died`, cause))
  }

  /** The link is closed: its row goes, and its target's series with the last link. */
  leave(): void {
    this.#unlist?.()
    this.#stats.states[this.#state]--
    this.#stats.leave()
  }

  #about() {
    return {
      at: Context.get(this.#context, Clock.Clock).currentTimeMillisUnsafe(),
      program: this.#program,
      target: this.#target,
    }
  }

  #emit(event: Events.Known): void {
    Context.get(this.#context, Events.Events).emit(event)
  }
}
