/**
 * What a failing case looks like: as a report, as files, and as text for people.
 */
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FaultPlan from "../FaultPlan.ts"
import * as History from "../History.ts"
import type { Failed, Options, Report } from "../Sim.ts"
import * as Environment from "./environment.ts"
import * as Files from "./files.ts"
import * as Replay from "./replay.ts"
import { list } from "./stuck.ts"
import * as SwimLane from "./swimLane.ts"
import * as Timeline from "./timeline.ts"
import { svg } from "./timelineSvg.ts"
import type { Broken, Trial } from "./trial.ts"

/** The report of a case that fails; its files are written if they are wanted. */
export const failed = <E>(
  options: Options,
  one: Replay.Case,
  { broken, run }: Trial<E>,
  { first, notes, runs }: Pick<Failed<E>, "first" | "notes" | "runs">,
): Failed<E> => {
  const { escapes, exit, hash, history, leaked, now } = run
  const { calls, plan } = one
  const timeline = Timeline.make(history, now, new Set(broken.flatMap(({ rows }) => rows)))
  const replay = Replay.encode(one)
  const folder = Environment.variable("HOLDFAST_FAILURES") ?? options.failures
  const files = {
    "plan.json": FaultPlan.format(plan),
    ...(calls === undefined ? {} : { "replay.json": `${replay}\n` }),
    "history.jsonl": History.encode(history),
    "timeline.svg": svg(timeline, title(broken, exit)),
  }
  return {
    _tag: "Failed",
    seed: plan.seed,
    plan,
    ...(calls === undefined ? {} : { commands: calls }),
    first,
    runs,
    broken,
    exit,
    leaked,
    escapes,
    history,
    hash,
    replay: `HOLDFAST_REPLAY='${replay}'`,
    timeline: SwimLane.text(timeline),
    files: folder === undefined ? [] : Files.write([folder, hash], files),
    notes,
  }
}

// In a line: the rules that are broken, or how it ended.
const title = (broken: ReadonlyArray<Broken>, exit: Exit.Exit<unknown, unknown>): string => {
  if (broken.length > 0) return broken.map(({ check }) => check).join(", ")
  return Exit.isFailure(exit) ? Cause.pretty(exit.cause).split("\n", 1)[0]! : "leaked or escaped"
}

/** What a person needs to know. */
const explain = (report: Exclude<Report, { readonly _tag: "Passed" }>, command: string): string => {
  if (report._tag === "Unseen") {
    const never = report.unseen.map((name) => `  ${name}`).join("\n")
    return `${report.runs} runs, and this has never happened:\n${never}\nWithout it they prove little: let more or other faults happen.`
  }
  const { broken, commands, escapes, exit, files, first, leaked, notes, plan, replay, runs, timeline } = report
  const [before, after] = [first.faults.length, plan.faults.length]
  const more = before > after ? `; when it was found it had ${before} faults` : ""
  return [
    `run ${runs} of this exploration fails`,
    ...broken.map(objection),
    ...(Exit.isFailure(exit) ? [Cause.pretty(exit.cause)] : []),
    ...(leaked.length > 0 ? ["left after the program and its scope had ended:", ...list(leaked, [])] : []),
    ...(escapes.length > 0 ? ["started in the real world:", ...list([], escapes)] : []),
    "",
    `the smallest plan that fails like this${more}:`,
    FaultPlan.format(plan),
    ...(commands === undefined ? [] : [`with the commands ${JSON.stringify(commands)}`, ""]),
    ...(timeline === "" ? [] : [timeline, ""]),
    ...notes.map((note) => `note: ${note}`),
    ...(files.length > 0 ? [`written: ${files.join(", ")}`] : []),
    `again: ${replay} ${command}`,
  ].join("\n")
}

/** Throws what is not passed, from where somebody asked for it; says what was odd. */
export const insist = (report: Report, command: string, site: Site): void => {
  if (report._tag !== "Passed") {
    const cause = report._tag === "Failed" && Exit.isFailure(report.exit) ? Cause.squash(report.exit.cause) : undefined
    const error = new Error(explain(report, command), cause === undefined ? {} : { cause })
    if (site.stack !== undefined) error.stack = site.stack.replace(/^Error/, () => String(error))
    throw error
  }
  for (const note of report.notes ?? []) Effect.runSync(Console.warn(`passed, but note: ${note}`))
}

/** Who called a function of ours; unknown where the engine does not tell. */
export interface Site {
  readonly stack?: string
}

/** The line that called this function. */
export const siteOf = (called: (...args: Array<never>) => unknown): Site => {
  const site = {}
  Error.captureStackTrace?.(site, called)
  return site
}

const objection = ({ check, rows }: Broken): string =>
  [
    `broken: ${check}`,
    ...rows.slice(0, few).map(line),
    ...(rows.length > few ? [`  and ${rows.length - few} more rows`] : []),
  ].join("\n")

const line = ({ at, host, key, kind, op, value }: History.Row): string => {
  const where = host === "" ? "" : ` ${host}:`
  return `  ${SwimLane.duration(at)}${where} ${kind} ${op} ${key}${value === null ? "" : ` ${JSON.stringify(value)}`}`
}

const few = 5
