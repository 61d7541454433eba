/**
 * What an exploration takes from its surroundings: `HOLDFAST_RUNS`, `HOLDFAST_SEED`, `HOLDFAST_TIME`, `HOLDFAST_REPLAY` and
 * `HOLDFAST_FAILURES`, which win over options so that a test need not be touched; else a fixed seed in CI and a fresh one elsewhere.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type { Options } from "../Sim.ts"

/** How long to explore, and from where. */
export interface Budget {
  readonly seed: number
  readonly runs: number
  /** So many runs must have happened before it counts what has never happened in them. */
  readonly least: number
  /** Real milliseconds. */
  readonly time: number
}

/** The budget of one exploration. */
export const budget = (options: Pick<Options, "runs" | "seed" | "time">): Budget => {
  const time = variable("HOLDFAST_TIME")
  const limit = time === undefined ? options.time : duration(time)
  // Who gives a time wants it used.
  const most = time === undefined ? options.runs : undefined
  const runs = whole("HOLDFAST_RUNS") ?? most ?? (limit === undefined ? 200 : Infinity)
  if (!(runs >= 1)) throw new RangeError(`an exploration takes at least one run, not ${runs}`)
  const seed = variable("HOLDFAST_SEED") === "fresh" ? fresh() : given(options.seed)
  // It stands in a plan, and there it is one.
  if (!(seed >= 0)) throw new RangeError(`the seed of an exploration is at least 0, not ${seed}`)
  return {
    seed,
    runs,
    // Who cuts a test short from outside does not ask whether it was long enough.
    least: time === undefined && whole("HOLDFAST_RUNS") === undefined ? 0 : (options.runs ?? 200),
    time: limit === undefined ? Infinity : Duration.toMillis(limit),
  }
}

const given = (seed: number | undefined): number => whole("HOLDFAST_SEED") ?? seed ?? (inCI() ? 0 : fresh())

/** Milliseconds of the real clock, for differences. */
export const realMillis = (): number => Number(Effect.runSync(Clock.monotonicTimeNanos)) / 1e6

// Small enough to be typed.
const fresh = (): number => Effect.runSync(Random.nextIntBetween(0, 999_999_999))

/** A variable that is set, and not empty. */
export const variable = (name: string): string | undefined => {
  const value = typeof process === "undefined" ? undefined : process.env[name]
  return value === "" ? undefined : value
}

const inCI = (): boolean => !["false", "0", undefined].includes(variable("CI"))

const whole = (name: string): number | undefined => {
  const text = variable(name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (Number.isSafeInteger(value)) return value
  const or = name === "HOLDFAST_SEED" ? ` or "fresh"` : ""
  throw new RangeError(`${name} must be a whole number${or}, not ${text}`)
}

const duration = (text: string): Duration.Duration =>
  // A duration in words is what the option takes; everything else is refused by the same parser.
  Option.getOrThrowWith(
    Duration.fromInput(text as Duration.Input),
    () => new RangeError(`HOLDFAST_TIME must be like "30 seconds", not ${text}`),
  )
