/**
 * What the failure of an attempt says: a word for metrics, whether another may help at all, and whether it may help at once.
 */
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import type * as EventSchema from "../EventSchema.ts"
import type { Options } from "../Link.ts"
import * as Classify from "./classify.ts"
import * as LinkErrors from "./linkError.ts"
import type { LinkError } from "./linkError.ts"

export interface Verdict<E> {
  readonly error: E | LinkError
  readonly result: typeof EventSchema.Result.Type
  /** Asked only if another attempt is possible at all. */
  readonly isRetryable: () => boolean
  readonly mayHurry: boolean
}

/** `timeout` is the link's own error for an attempt that took too long, if it did. */
export const judge = <E>(
  options: Pick<Options<never, E, never>, "classify" | "isRetryable" | "target">,
  cause: Cause.Cause<E | LinkError>,
  timeout: LinkError | undefined,
): Verdict<E> => {
  const error = lastError(options.target, cause)
  // Our own errors are never the dial's: they say that it was late, died, or that the connection was lost at once.
  if (error instanceof LinkErrors.LinkError) {
    return { error, result: error === timeout ? "timeout" : "other", isRetryable: always, mayHurry: false }
  }
  const result = options.classify?.(error) ?? Classify.classify(error)
  return { error, result, isRetryable: () => options.isRetryable?.(error) ?? true, mayHurry: hurryable.has(result) }
}

/** The error that a cause holds; a defect or an interruption is told as a `Lost`. */
export const lastError = <E>(target: string, cause: Cause.Cause<E | LinkError>): E | LinkError =>
  Option.getOrElse(Cause.findErrorOption(cause), () => LinkErrors.lost(target, Classify.describe(cause)))

/** After these another dial may help at once; a peer that is silent or that hangs up wants to be left alone. */
const hurryable: ReadonlySet<string> = new Set(["refused", "dns", "other"])

const always = () => true
