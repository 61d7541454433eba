/**
 * How a client says no. Plain classes: their Schemas would weigh on the browser's path.
 */
import * as Data from "effect/Data"

/** The buffer is full and `overflow` is `"Fail"`. */
export class Full extends Data.TaggedError("Full")<{ readonly messages: number }> {
  override get message(): string {
    return `${this.messages} messages wait to be sent, and no more fit; send less, or raise \`buffer\``
  }
}

/** The server said not to come back: 1000, 1008, 4401 and the like; or nothing dials any more. */
export class Dismissed extends Data.TaggedError("Dismissed")<{ readonly code: number; readonly reason: string }> {
  override get message(): string {
    return `the connection is over for good: ${this.code} ${this.reason}`.trimEnd()
  }
}

/** The client gave up, or could not take more; `reason` says which. */
export class ClientError extends Data.TaggedError("ClientError")<{ readonly reason: Full | Dismissed }> {
  override get message(): string {
    return this.reason.message
  }
}
