/**
 * What a breaker answers instead of making the call.
 */
import * as Duration from "effect/Duration"
import { Stackless } from "./stackless.ts"

/** The breaker is open, or half open with all its probes out. */
export class Open extends Stackless {
  readonly _tag = "Open"
  readonly breaker: string
  /** When it may let a call through, at the earliest. */
  readonly retryAfter: Duration.Duration

  constructor(breaker: string, retryAfterMillis: number) {
    super()
    this.breaker = breaker
    this.retryAfter = Duration.millis(retryAfterMillis)
  }

  override get message(): string {
    return `${this.breaker} failed too often and is not called now; try again in ${Duration.format(this.retryAfter)}`
  }
}

/** Somebody holds the breaker open; `retryAfter` is a guess. */
export class Isolated extends Stackless {
  readonly _tag = "Isolated"
  readonly breaker: string
  readonly why: string
  readonly retryAfter: Duration.Duration

  constructor(breaker: string, why: string, retryAfterMillis: number) {
    super()
    this.breaker = breaker
    this.why = why
    this.retryAfter = Duration.millis(retryAfterMillis)
  }

  override get message(): string {
    return `${this.breaker} is isolated (${this.why}); it is called again when that is over`
  }
}

/** The call was not made; `reason` says why. Without a stack: it happens per call. */
export class BreakerError extends Stackless {
  readonly _tag = "BreakerError"
  readonly reason: Open | Isolated

  constructor(reason: Open | Isolated) {
    super()
    this.reason = reason
  }

  override get message(): string {
    return this.reason.message
  }
}
