/**
 * Values as people write them in plans, each with the words that say what it should have been. One declaration, so that a wrong
 * type and a wrong text are told in the same words.
 */
import * as Schema from "effect/Schema"

/** A Schema that takes what it decodes to, and says `expected` of everything else. */
export const leaf = <T>(expected: string, is: (value: unknown) => boolean): Schema.declare<T> =>
  // `is` decides about the whole type; callers keep the two together.
  Schema.declare<T>((value): value is T => is(value), { expected, message: `expected ${expected}` })

/** A text of this shape. */
export const text = <T extends string>(expected: string, shape: RegExp): Schema.declare<T> =>
  leaf<T>(expected, (value) => typeof value === "string" && shape.test(value))

/** A number that passes. */
export const number = (expected: string, passes: (value: number) => boolean): Schema.declare<number> =>
  leaf(expected, (value) => typeof value === "number" && passes(value))

/** One of these words. */
export const words = <const Words extends ReadonlyArray<string>>(all: Words): Schema.declare<Words[number]> =>
  leaf(either(all), (value) => all.some((word) => word === value))

/** A key that must be there. */
export const key = <T>(schema: Schema.declare<T>): Schema.declare<T> =>
  schema.annotateKey({ messageMissingKey: `${schema.ast.annotations?.["message"]}, which is missing` })

/** `a, b or c`. */
export const either = (all: ReadonlyArray<string>, word: "or" | "and" = "or"): string =>
  all.length < 2 ? all.join("") : `${all.slice(0, -1).join(", ")} ${word} ${all.at(-1)}`

/** Milliseconds of `"250ms"`. */
export const millis = (time: string): number => quantity(time, { ms: 1, s: 1000, m: 60_000, h: 3_600_000 })

/** Bytes of `"64KiB"`. */
export const bytes = (size: string): number => quantity(size, { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 })

/** The shortest exact way to write milliseconds. */
export const time = (millis: number): `${number}${"ms" | "s" | "m" | "h"}` => {
  if (millis < 1000 || millis % 100 !== 0) return `${millis}ms`
  if (millis % 3_600_000 === 0) return `${millis / 3_600_000}h`
  return millis % 60_000 === 0 ? `${millis / 60_000}m` : `${millis / 1000}s`
}

/** The shortest exact way to write bytes. */
export const size = (bytes: number): `${number}${"B" | "KiB" | "MiB" | "GiB"}` => {
  if (bytes === 0 || bytes % 1024 !== 0) return `${bytes}B`
  if (bytes % 1024 ** 3 === 0) return `${bytes / 1024 ** 3}GiB`
  return bytes % 1024 ** 2 === 0 ? `${bytes / 1024 ** 2}MiB` : `${bytes / 1024}KiB`
}

const quantity = (text: string, units: Readonly<Record<string, number>>): number => {
  const [, amount, unit] = /^(-?[\d.]+)(\w+)$/.exec(text) ?? []
  // Rounded to nanoseconds: 1.1 s is 1100 ms, whatever binary fractions say.
  return Math.round(Number(amount) * (units[unit ?? ""] ?? Number.NaN) * 1e6) / 1e6
}
