/**
 * One thing an operator can set, and how what was given for it becomes a value. Where it was given is decided in `resolve`.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Kind } from "./values.ts"

/** A setting whose value is an `A`. */
export interface Setting<out A> {
  /** What stands for the value in help: `HOST:PORT`; empty for a switch. */
  readonly metavar: string
  /** One line. */
  readonly description: string
  /** In words, after "expected". */
  readonly expected: string
  /** As documents print it, `-` when there is none. */
  readonly default: string
  /** The value when nobody sets it; none when somebody must. */
  readonly absent: Option.Option<A>
  /** Whether it has a place beside the command line: `HOLDFAST_<FLAG>`, the config file. */
  readonly places: { readonly env: boolean; readonly file: boolean }
  /** Reads a text or a scalar of a config file. */
  readonly decode: (raw: unknown) => Option.Option<A>
}

/** The settings of a program by flag. */
export type Table = Readonly<Record<string, Setting<unknown>>>

/** Their values by flag. */
export type Values<T extends Table> = { readonly [F in keyof T]: T[F] extends Setting<infer A> ? A : never }

interface About {
  readonly metavar: string
  readonly description: string
}

const everywhere = { env: true, file: true }

/** A setting with a default, written as an operator would write it. */
export const setting = <A>(kind: Kind<A>, standard: string, about: About): Setting<A> => {
  const decode = Schema.decodeUnknownOption(kind.schema)
  return { ...about, expected: kind.expected, default: standard, absent: decode(standard), places: everywhere, decode }
}

/** A setting that may be left out. */
export const optional = <A>(kind: Kind<A>, about: About): Setting<A | undefined> => ({
  ...about,
  expected: kind.expected,
  default: "-",
  absent: Option.some(undefined),
  places: everywhere,
  decode: Schema.decodeUnknownOption(kind.schema),
})

/** A setting that must be given somewhere. */
export const required = <A>(kind: Kind<A>, about: About): Setting<A> => ({
  ...optional(kind, about),
  absent: Option.none(),
  decode: Schema.decodeUnknownOption(kind.schema),
})

/** Where the config file is: everywhere but in the config file. */
export const configFile = (kind: Kind<string>, about: About): Setting<string | undefined> => ({
  ...optional(kind, about),
  places: { env: true, file: false },
})

/** A switch that stands alone on the command line, and is said in words in the environment and the config file. */
export const toggle = (kind: Kind<boolean>, description: string): Setting<boolean> =>
  setting(kind, "off", { metavar: "", description })

/** A switch of the command line: there or not. */
export const flagOnly = (description: string): Setting<boolean> => ({
  metavar: "",
  description,
  expected: "no value",
  default: "-",
  absent: Option.some(false),
  places: { env: false, file: false },
  decode: Schema.decodeUnknownOption(Schema.Boolean),
})

/** The name of its environment variable. */
export const variable = (flag: string): string => `HOLDFAST_${flag.toUpperCase().replaceAll("-", "_")}`
