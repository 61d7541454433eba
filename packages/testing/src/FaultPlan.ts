/**
 * When which fault hits what: a seed, a list, and the moment everything is well again. Plain JSON, kept in a corpus, replayed for ever.
 *
 * @since 0.1.0
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Fault from "./Fault.ts"
import * as FaultText from "./internal/faultText.ts"
import * as Issues from "./internal/issues.ts"
import * as PlanDraw from "./internal/planDraw.ts"
import * as PlanShrink from "./internal/planShrink.ts"
import * as Readable from "./internal/readable.ts"

/** The `n`-th connection is open and nothing has passed yet, or the `n`-th message has just arrived; counted on the target of the fault. */
export type Event = `${"connect" | "message"}:${number}`

const At = Readable.text<Fault.Time | Event>(
  `a time such as "2s" or an event such as "connect:3" or "message:10"`,
  /^(\d+(\.\d+)?(ms|s|m|h)|(connect|message):[1-9]\d*)$/,
)
const seed = Readable.number("a whole number from 0", (seed) => Number.isSafeInteger(seed) && seed >= 0)

/** One fault: `{ "at": "2s", "on": "client-server", "fault": { "_tag": "blackhole" }, "for": "5s" }`. */
export const Entry = Schema.Struct({
  /** A time since the start, or an event. */
  at: Readable.key(At),
  /** A link `"client-server"`, in any order; a host `"server"`, which is all its links; or `"*"`, everything. */
  on: Readable.key(Readable.text<string>(`a host such as "server", a link such as "client-server", or "*"`, /./)),
  fault: Fault.Fault.annotateKey({
    messageMissingKey: `expected a fault such as { "_tag": "reset" }, which is missing`,
  }),
  /** Default: until `healAt`. */
  for: Schema.optionalKey(Fault.Time),
})
  .annotate({ messageUnexpectedKey: "unknown key; a fault of a plan has at, on, fault and for" })
  .check(
    Schema.makeFilter(({ fault, on }) =>
      Fault.isOfHost(fault._tag) && on.includes("-")
        ? { path: ["on"], issue: `expected a host, because ${fault._tag} happens to hosts` }
        : undefined,
    ),
  )
/** One fault of a plan. */
export type Entry = typeof Entry.Type

/** A plan. The seed decides what is random about its faults, and in the simulator everything else that is. */
export const FaultPlan = Schema.Struct({
  seed: Readable.key(seed),
  faults: Schema.Array(Entry).annotateKey({ messageMissingKey: "expected a list of faults, which is missing" }),
  healAt: Readable.key(Fault.Time),
})
  .annotate({ messageUnexpectedKey: "unknown key; a plan has seed, faults and healAt" })
  .check(
    Schema.makeFilter(({ faults, healAt }) =>
      faults.flatMap(({ at }, index) =>
        isEvent(at) || Fault.toMillis(at) <= Fault.toMillis(healAt)
          ? []
          : [{ path: ["faults", index, "at"], issue: `expected a time until everything heals at ${healAt}` }],
      ),
    ),
  )
/** A plan. */
export type FaultPlan = typeof FaultPlan.Type

/** No faults. */
export const none: FaultPlan = { seed: 0, faults: [], healAt: "0ms" }

/** Not a plan: every field that is wrong, and what was expected. */
export class InvalidPlan extends Data.TaggedError("InvalidPlan")<{ readonly issues: ReadonlyArray<Issues.Issue> }> {
  override get message(): string {
    return Issues.lines(this.issues)
  }
}

/** Checks a plan from outside. */
export const decode = (value: unknown): Result.Result<FaultPlan, InvalidPlan> =>
  Result.mapError(Issues.decode(FaultPlan, value), (issues) => new InvalidPlan({ issues }))

/** Reads the text of a plan file. */
export const decodeJson = (text: string): Result.Result<FaultPlan, InvalidPlan> =>
  Result.flatMap(
    Result.try({
      try: (): unknown => JSON.parse(text),
      catch: (error) => new InvalidPlan({ issues: [{ field: "", problem: `expected JSON: ${String(error)}` }] }),
    }),
    decode,
  )

/** The text of a plan file, a fault to a line. */
export const format = ({ faults, healAt, seed }: FaultPlan): string => {
  const list = faults.map((entry) => `\n    ${line(entry)}`).join(",")
  return `{\n  "seed": ${seed},\n  "faults": [${list}${list === "" ? "" : "\n  "}],\n  "healAt": "${healAt}"\n}\n`
}

/**
 * Reads faults in the short form of the command line, with the keys `at`, `on` and `for` of a plan beside their own:
 * `latency:delay=200ms;reset:after=64KiB,at=5s`.
 *
 * **Details**
 *
 * Without `at` a fault is there from the start, without `on` it hits everything, and without `for` it stays.
 */
export const decodeText = (text: string): Result.Result<ReadonlyArray<Entry>, InvalidPlan> => {
  const entries: Array<Entry> = []
  const issues: Array<Issues.Issue> = []
  const faults = FaultText.split(text)
  for (const one of faults) {
    const entry = Result.flatMap(FaultText.read(one), ({ at = "0ms", for: time, on = "*", ...fault }) =>
      Issues.decode(Entry, { at, on, fault, ...(time === undefined ? {} : { for: time }) }),
    )
    if (Result.isSuccess(entry)) entries.push(entry.success)
    else issues.push(...entry.failure.map((issue) => ({ ...issue, field: named(one, issue.field) })))
  }
  if (faults.length === 0) issues.push({ field: "", problem: "expected a fault such as latency:delay=200ms" })
  return issues.length > 0 ? Result.fail(new InvalidPlan({ issues })) : Result.succeed(entries)
}

/** The short form; `decodeText` reads it. */
export const formatText = (entries: ReadonlyArray<Entry>): string =>
  entries
    .map(({ at, fault, for: time, on }) =>
      FaultText.write({
        ...fault,
        ...(at === "0ms" ? {} : { at }),
        ...(on === "*" ? {} : { on }),
        ...(time === undefined ? {} : { for: time }),
      }),
    )
    .join(";")

/** Whether a fault waits for an event, and not for a time. */
export const isEvent = (at: Entry["at"]): at is Event => at.includes(":")

/** What plans to draw. */
export interface Options {
  /** Links `"client-server"` and hosts `"server"` that may be hit. */
  readonly on: ReadonlyArray<string>
  /** Default: what a program that reconnects can live through, in the simulator and behind a real proxy. */
  readonly kinds?: ReadonlyArray<Fault.Kind> | undefined
  /** Default `6`. */
  readonly atMost?: number | undefined
  /** All faults happen before this. Default `"30 seconds"`. */
  readonly within?: Duration.Input | undefined
}

/**
 * Draws plans and shrinks a failing one: fewer faults, shorter, weaker, at round times, a simpler seed.
 *
 * **Details**
 *
 * Not drawn unless asked for: `corrupt`, which TCP's checksums rule out; `loss`, `duplicate` and `reorder`, which hit messages only;
 * `dns`, `addressChange`, `clockJump` and `clockSkew`, which real proxies cannot do. `restart` and `resume` come with what they end.
 */
export const arbitrary = (options: Options): Arbitrary.Arbitrary<FaultPlan> => {
  const { isPlan, plan } = PlanDraw.make(options)
  return Arbitrary.schema(plan, { shrink: (plan) => PlanShrink.shrink(plan).filter(isPlan) })
}

/** The next simpler plans, in the order to try them: fewer faults, shorter, weaker, earlier, fewer by merging, a simpler seed. */
export const shrink = (plan: FaultPlan): ReadonlyArray<FaultPlan> => PlanShrink.shrink(plan)

const line = ({ at, fault, for: time, on }: Entry): string => {
  const pairs = Object.entries(fault).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`)
  const rest = time === undefined ? "" : `, "for": "${time}"`
  return `{ "at": "${at}", "on": ${JSON.stringify(on)}, "fault": { ${pairs.join(", ")} }${rest} }`
}

const named = (text: string, field: string): string => {
  const kind = text.split(":", 1)[0]!
  const key = field.replace(/^fault\.?/, "")
  return key === "" || key === kind || key === "_tag" ? kind : `${kind}.${key}`
}
