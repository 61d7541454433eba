/**
 * What the program under test claims it did, next to what the network did, as rows that checks judge afterwards. Does nothing outside a
 * run, so it may stay in the program; not a log for people.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Here, type Kind, Recorder } from "./internal/record.ts"

/**
 * One line of the history.
 *
 * **Details**
 *
 * | kind | |
 * | --- | --- |
 * | `invoke` | an attempt has begun |
 * | `ok` | it succeeded, or something was seen |
 * | `fail` | it failed: it has not happened |
 * | `info` | it was interrupted or died: maybe it happened |
 * | `state` | something is like this now |
 * | `net`, `fault` | what the network and the plan did |
 *
 * Rows that come by themselves:
 *
 * | kind, op | host | key | value |
 * | --- | --- | --- | --- |
 * | `net`, `dial` | who dials | the connection | `{ "to": "server:80" }` |
 * | `net`, `connect` | each end, once it is open | the connection | |
 * | `net`, `refuse` | who dialled | the connection | a word about why |
 * | `net`, `close` | each end, and a dial that came to nothing | the connection | `{ "code": 1006, "reason": "" }`, where there is one |
 * | `fault`, its `_tag` | | the link or host | the fault |
 * | `fault`, `end` | | the link or host | the fault that is over |
 * | `fault`, `heal` | | | |
 * | `state`, `left` | | a fiber that has outlived its program | where it is |
 */
export const Row = Schema.Struct({
  /** Its place in the history, from 0. */
  index: Schema.Int,
  /** Virtual milliseconds since the run began. */
  at: Schema.Finite,
  /** Whose it is; empty for faults, and for what runs on no host. */
  host: Schema.String,
  kind: Schema.Literals(["invoke", "ok", "fail", "info", "net", "fault", "state"]),
  op: Schema.String,
  key: Schema.String,
  value: Schema.Json,
})
/** One line of the history. */
export type Row = typeof Row.Type

/** Something was seen, for instance a message arrived. */
export const seen = (op: string, key: string | number, value: Schema.Json = null): Effect.Effect<void> =>
  Effect.map(writer, (write) => write.seen(op, key, value))

/** Something is like this now: `state("link", "chat", "Ready")`, `state("buffer", "chat", { messages: 3, bytes: 96 })`. */
export const state = (op: string, key: string | number, value: Schema.Json): Effect.Effect<void> =>
  Effect.map(writer, (write) => write.state(op, key, value))

/**
 * Notes the attempt, and `ok`, `fail` or, when it is interrupted or dies, `info`.
 *
 * **Details**
 *
 * With `answer` the `ok` row carries what came back in place of `value`, as `Check.linearizable` wants it of reads.
 */
export const attempt =
  <A = unknown>(op: string, key: string | number, value: Schema.Json = null, answer?: (value: A) => Schema.Json) =>
  <B extends A, E, R>(self: Effect.Effect<B, E, R>): Effect.Effect<B, E, R> =>
    Effect.withFiber((fiber) => {
      const row = rowOf(fiber)
      row("invoke", op, key, value)
      const told = (exit: Exit.Exit<B, E>) =>
        Exit.isSuccess(exit) && answer !== undefined ? answer(exit.value) : value
      return Effect.onExit(self, (exit) => Effect.sync(() => row(outcome(exit), op, key, told(exit))))
    })

/** Writes rows from plain code, such as callbacks of a socket, as the host that asked for it. */
export interface Writer {
  readonly seen: (op: string, key: string | number, value?: Schema.Json) => void
  readonly state: (op: string, key: string | number, value: Schema.Json) => void
}

/** The writer of the host this fiber runs on. */
export const writer: Effect.Effect<Writer> = Effect.withFiberSucceed((fiber): Writer => {
  const row = rowOf(fiber)
  return {
    seen: (op, key, value = null) => row("ok", op, key, value),
    state: (op, key, value) => row("state", op, key, value),
  }
})

/** A line that is no row. */
export class HistoryError extends Data.TaggedError("HistoryError")<{
  /** From 1. */
  readonly line: number
  readonly why: string
}> {
  override get message(): string {
    return `line ${this.line} is no row of a history: ${this.why}`
  }
}

/** One JSON object per line. */
export const encode = (rows: ReadonlyArray<Row>): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("")

/** Reads what `encode` wrote; empty lines are skipped. */
export const decode = (text: string): Result.Result<ReadonlyArray<Row>, HistoryError> => {
  const rows: Array<Row> = []
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue
    const found = decodeLine(line)
    if (Result.isFailure(found)) return Result.fail(new HistoryError({ line: index + 1, why: found.failure.message }))
    rows.push(found.success)
  }
  return Result.succeed(rows)
}

const decodeLine = Schema.decodeUnknownResult(Schema.fromJsonString(Row))

const rowOf = (fiber: Fiber.Fiber<unknown, unknown>) => {
  const host = fiber.getRef(Here)
  const { row } = fiber.getRef(Recorder)
  return (kind: Kind, op: string, key: string | number, value: Schema.Json) => row(kind, host, op, String(key), value)
}

// Only a failure that the program itself reports is a promise that it did not happen.
const outcome = (exit: Exit.Exit<unknown, unknown>): Kind =>
  Exit.isSuccess(exit) ? "ok" : Cause.hasInterrupts(exit.cause) || Cause.hasDies(exit.cause) ? "info" : "fail"
