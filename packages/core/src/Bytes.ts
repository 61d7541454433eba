/**
 * A size, as people write it: `65536`, `"64KiB"`, `"1MiB"`. Binary units only; for decimal ones multiply yourself.
 *
 * @since 0.1.0
 */

/** A number of bytes, or a binary unit. */
export type Input = number | `${number}${"B" | "KiB" | "MiB" | "GiB"}`

const units = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const

/**
 * The number of bytes, or `undefined` when the text is not a size. For text from outside: files, flags, headers.
 *
 * @since 0.1.0
 */
export const parse = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)\s?(B|KiB|MiB|GiB)?$/.exec(text.trim())
  if (match === null) return undefined
  const bytes = Number(match[1]) * units[(match[2] ?? "B") as keyof typeof units]
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/**
 * The number of bytes. Throws a `RangeError` for what is not a whole, non-negative number of bytes.
 *
 * @since 0.1.0
 */
export const toNumber = (input: Input): number => {
  const bytes = typeof input === "number" ? input : parse(input)
  if (bytes === undefined || !Number.isSafeInteger(bytes) || bytes < 0) {
    throw new RangeError(`${JSON.stringify(input)} is not a size; write a number of bytes or "64KiB", "1MiB", "2GiB"`)
  }
  return bytes
}

/**
 * The shortest exact way to write it, with a unit: `"64KiB"`, `"1500B"`.
 *
 * @since 0.1.0
 */
export const format = (bytes: number): string => {
  for (const unit of ["GiB", "MiB", "KiB"] as const) {
    if (bytes >= units[unit] && bytes % units[unit] === 0) return `${bytes / units[unit]}${unit}`
  }
  return `${bytes}B`
}
