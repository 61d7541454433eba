/**
 * What a bulkhead answers instead of making the call.
 */
import * as Duration from "effect/Duration"
import { Stackless } from "./stackless.ts"

/** No room, or not in time; by `retryAfter` all that wait now have a place or have given up. Without a stack: it happens per call. */
export class BulkheadFull extends Stackless {
  readonly _tag = "BulkheadFull"
  readonly bulkhead: string
  readonly retryAfter: Duration.Duration

  constructor(bulkhead: string, retryAfterMillis: number) {
    super()
    this.bulkhead = bulkhead
    this.retryAfter = Duration.millis(retryAfterMillis)
  }

  override get message(): string {
    return `${this.bulkhead} has as many calls as it takes; call less, or let it take more`
  }
}
