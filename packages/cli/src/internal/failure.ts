/**
 * How a command can fail: each is one line on stderr and an exit code. Bugs are not here; they are defects.
 */
import * as Schema from "effect/Schema"

/** A flag, a variable or a config file is wrong: exit 2. The message says which, what was expected and what was given. */
export class UsageError extends Schema.TaggedError<UsageError>("holdfast/UsageError")("UsageError", {
  message: Schema.String,
}) {}

/** The settings are fine, and still it does not work: exit 1. */
export class RunError extends Schema.TaggedError<RunError>("holdfast/RunError")("RunError", {
  message: Schema.String,
}) {}

/** Everything has been said already; only the exit code is left: exit 1. */
export class NotFine extends Schema.TaggedError<NotFine>("holdfast/NotFine")("NotFine", {}) {}

/** Any of them. */
export type Failure = UsageError | RunError | NotFine

/** What was given, as it stands in a message. */
export const got = (raw: unknown): string => (raw === "" ? "nothing" : (JSON.stringify(shown(raw)) ?? String(raw)))

/** What was given, but for what goes to no log: a URL may hold a password. */
export const shown = (raw: unknown): unknown =>
  typeof raw === "string" ? raw.replace(/\/\/[^/@]*@/, "//***@").replace(/\?.*$/, "?***") : raw

/** One line whatever is in it, without the control characters that a terminal would obey. */
export const oneLine = (text: string): string =>
  text
    .replace(/\s*[\r\n]+\s*/g, " ")
    .replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`)
