/**
 * The budget that has counted the call under way, so that copies and retries of one call are not taken for more calls.
 */
import * as Context from "effect/Context"
import type { RetryBudget } from "../RetryBudget.ts"

/** Of the innermost hedge around what runs now. */
export const CountedBy = Context.Reference<RetryBudget | undefined>("@holdfast/core/RetryBudget/CountedBy", {
  defaultValue: () => undefined,
})
