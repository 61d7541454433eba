/**
 * Runs case after case until one is wrong. A replay is the only case; plans of the corpus come before drawn ones; a drawn one that is
 * wrong shrinks to the smallest that is wrong in the same way.
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as FaultPlan from "../FaultPlan.ts"
import type { Options, Report, World } from "../Sim.ts"
import * as Environment from "./environment.ts"
import * as Files from "./files.ts"
import * as Readable from "./readable.ts"
import * as Replay from "./replay.ts"
import { failed } from "./report.ts"
import * as Trial from "./trial.ts"

/** Explores. */
export const explore = <E>(options: Options, program: Effect.Effect<unknown, E, World>): Report<E> => {
  const budget = Environment.budget(options)
  const start = Environment.realMillis()
  const missing = new Set(options.check?.filter(({ sometimes }) => sometimes !== undefined))
  const hosts = new Set<string>()
  const notes: Array<string> = []
  let runs = 0

  const attempt = (one: Replay.Case, located = false): Trial.Trial<E> => {
    runs++
    const trial = Trial.run(options, program, one, { hosts, located })
    for (const check of missing) if (check.sometimes?.(trial.run.history) === true) missing.delete(check)
    return trial
  }

  // Cases as they are. Whatever is odd about one is told, however it ends.
  const again = (one: Replay.Decoded) => {
    notes.push(...one.notes)
    const trial = attempt(one, true)
    return trial.wrong.length === 0 ? undefined : failed(options, one, trial, { first: one.plan, runs, notes })
  }
  const passed = (): Report<E> => ({ _tag: "Passed", runs, ...(notes.length === 0 ? {} : { notes }) })

  const replay = Environment.variable("HOLDFAST_REPLAY")
  if (replay !== undefined) return again(Replay.decode(replay, "HOLDFAST_REPLAY", options.commands)) ?? passed()

  for (const { name, text } of options.corpus === undefined ? [] : Files.corpus(options.corpus)) {
    const report = again(Replay.decode(text, name, options.commands))
    if (report !== undefined) return { ...report, notes: [...notes, `the plan is ${name}`] }
  }

  // One run there is always.
  const before = runs
  const late = () => runs > before && Environment.realMillis() - start >= budget.time
  const search: Search<E> = {
    attempt,
    late,
    again: (one) => Trial.run(options, program, one, { located: false }),
    budget,
  }
  const found = options.faults === undefined && options.commands === undefined ? seeds(search) : drawn(options, search)
  if (found !== undefined) {
    const trial = Trial.run(options, program, found.smallest, {})
    if (trial.wrong.length === 0) notes.push(unsteady)
    return failed(options, found.smallest, trial, { first: found.first.plan, runs: found.runs + before, notes })
  }
  const unseen = [
    ...strangers(options.faults?.on ?? [], hosts),
    ...(runs - before < budget.least ? [] : [...missing].map(({ name }) => name)),
  ]
  return unseen.length === 0 ? passed() : { _tag: "Unseen", runs, unseen }
}

// Faults that hit nobody make tests that cannot fail.
const strangers = (targets: ReadonlyArray<string>, hosts: ReadonlySet<string>): ReadonlyArray<string> => {
  const names = new Set(targets.filter((target) => target !== "*").flatMap((target) => target.split("-")))
  const there = hosts.size === 0 ? "there was none" : `there were only ${Readable.either([...hosts], "and")}`
  return [...names].filter((name) => !hosts.has(name)).map((name) => `faults hit a host "${name}"; ${there}`)
}

const unsteady =
  "run again, the same plan passed: the program takes something from outside, or from an earlier run; see `Sim.check`"

interface Search<E> {
  readonly budget: Environment.Budget
  /** A run that counts. */
  readonly attempt: (one: Replay.Case) => Trial.Trial<E>
  /** A run that does not: of a case that is being shrunk. */
  readonly again: (one: Replay.Case) => Trial.Trial<E>
  readonly late: () => boolean
}

interface Found {
  readonly first: Replay.Case
  readonly smallest: Replay.Case
  /** How many runs it took to find the first. */
  readonly runs: number
}

/** Seed after seed, without faults. */
const seeds = <E>({ attempt, budget, late }: Search<E>): Found | undefined => {
  for (let run = 0; run < budget.runs && !late(); run++) {
    const one = { plan: { ...FaultPlan.none, seed: budget.seed + run } }
    if (attempt(one).wrong.length > 0) return { first: one, smallest: one, runs: run + 1 }
  }
  return undefined
}

/** Plans and sequences that are drawn, simple ones first. Without a limit they come in batches, each from simple to complicated. */
const drawn = <E>(options: Options, { again, attempt, budget, late }: Search<E>): Found | undefined => {
  const cases = arbitrary(options)
  // Nothing that is drawn is longer than this; ten is more than enough for plans.
  const size = Math.max(10, options.commands?.longest ?? 0)
  let done = 0
  for (let batch = 0; done < budget.runs && !late(); batch++) {
    const runs = budget.runs === Infinity ? 200 : budget.runs
    const seed = batch === 0 ? budget.seed : `${budget.seed}.${batch}`
    let wanted: string | undefined
    let until = Infinity
    const fails = (one: Replay.Case): boolean => {
      if (wanted !== undefined) {
        return Environment.realMillis() < until && again(one).wrong.includes(wanted)
      }
      if (late()) return false
      // From here on it shrinks, and must not slip from one mistake to another.
      wanted = attempt(one).wrong[0]
      if (wanted === undefined) return false
      until = Environment.realMillis() + shrinking.millis
      return true
    }
    const result = Effect.runSync(
      Arbitrary.checkEffect(cases, (one) => !fails(one), {
        runs,
        seed,
        size,
        concurrency: 1,
        maxShrinks: shrinking.candidates,
      }),
    )
    if (result._tag === "Falsified") {
      return { first: result.initialInput, smallest: result.shrunkInput, runs: done + result.runs }
    }
    if (result._tag === "Exhausted") throw new RangeError("no plans can be drawn with these options; loosen them")
    done += runs
  }
  return undefined
}

// For programs whose runs take long; most plans are small within a second.
const shrinking = { candidates: 5000, millis: 20_000 }

const arbitrary = ({ commands, faults }: Options): Arbitrary.Arbitrary<Replay.Case> => {
  const plan = faults === undefined ? quiet : FaultPlan.arbitrary(faults)
  return commands === undefined
    ? Arbitrary.map(plan, (plan) => ({ plan }))
    : Arbitrary.all({ plan, calls: commands.sequences })
}

const quiet = Arbitrary.map(
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 999_999_999 }))),
  (seed): FaultPlan.FaultPlan => ({ ...FaultPlan.none, seed }),
)
