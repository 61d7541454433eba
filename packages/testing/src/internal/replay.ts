/**
 * What one run of an exploration was: a plan, and the sequence of operations if there was one. As one line for the environment, and as
 * files of a corpus. What an earlier version wrote is run as far as it can be read, and says what could not.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Call, Sequences } from "../Commands.ts"
import * as FaultPlan from "../FaultPlan.ts"
import { version } from "./version.ts"

/** The input of a run. */
export interface Case {
  readonly plan: FaultPlan.FaultPlan
  readonly calls?: ReadonlyArray<Call> | undefined
}

/** A case from outside, and what was odd about it. */
export interface Decoded extends Case {
  readonly notes: ReadonlyArray<string>
}

/** JSON in one line, without the quotation mark that shells use. */
export const encode = ({ calls, plan }: Case): string =>
  JSON.stringify({ version: version(), plan, ...(calls === undefined ? {} : { commands: calls }) }).replaceAll(
    "'",
    String.raw`\u0027`,
  )

/** Reads a case, or a plan alone. Throws when there is no plan in it that could be run; `where` says whose text it is. */
export const decode = (text: string, where: string, sequences: Sequences | undefined): Decoded => {
  const json = parse(text, where)
  const wrapped = isRecord(json) && "plan" in json ? json : { plan: json }
  const calls = decodeCalls(wrapped["commands"], where)
  const unknown = calls?.filter((call) => sequences?.knows(call) !== true) ?? []
  const { notes, plan } = decodePlan(wrapped["plan"], where)
  const then = wrapped["version"]
  return {
    plan,
    ...(calls === undefined ? {} : { calls }),
    notes: [
      ...(then === undefined || then === version() ? [] : [`${where} is of ${String(then)}, this is ${version()}`]),
      ...notes,
      ...(unknown.length > 0 ? [`${where}: no such command any more: ${JSON.stringify(unknown)}`] : []),
    ],
  }
}

const decodePlan = (value: unknown, where: string) => {
  const strict = FaultPlan.decode(value)
  if (Result.isSuccess(strict)) return { plan: strict.success, notes: [] }
  const lenient = decodeKnown(value)
  if (Result.isFailure(lenient)) throw new RangeError(`${where} is no plan:\n${strict.failure.message}`)
  return {
    plan: lenient.success,
    notes: strict.failure.message.split("\n").map((line) => `${where}: ${line}; left out`),
  }
}

// Without keys that nobody knows any more.
const decodeKnown = Schema.decodeUnknownResult(FaultPlan.FaultPlan, { onExcessProperty: "ignore" })

const decodeCalls = (value: unknown, where: string): ReadonlyArray<Call> | undefined =>
  value === undefined
    ? undefined
    : Result.getOrThrowWith(decodeList(value), ({ message }) => new RangeError(`${where}: commands: ${message}`))

const decodeList = Schema.decodeUnknownResult(Schema.Array(Schema.Tuple([Schema.String, Schema.Json])))

const parse = (text: string, where: string): unknown =>
  Result.getOrThrowWith(
    Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))(text),
    (error) => new RangeError(`${where} is no plan: expected JSON: ${error.message}`),
  )

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
