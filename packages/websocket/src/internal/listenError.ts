import * as Data from "effect/Data"

/** The address is taken or not ours, or the certificate cannot be used. */
export class ListenError extends Data.TaggedError("ListenError")<{
  readonly address: string
  readonly why: string
}> {
  override get message(): string {
    return `cannot listen on ${this.address}: ${this.why}`
  }
}
