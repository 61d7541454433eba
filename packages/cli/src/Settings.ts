/**
 * Which flags each program has and what they are when nobody sets them, as plain data for documents and tests.
 * Not for reading settings: the programs do that themselves.
 *
 * @since 0.1.0
 */
import type { Table } from "./internal/setting.ts"
import { type ProgramName, tables } from "./internal/tables.ts"

/**
 * A flag as documents print it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Documented {
  /** With its dashes: `--listen`. */
  readonly flag: string
  /** As an operator would write it; `-` when there is none. */
  readonly default: string
  /** One line. */
  readonly description: string
}

const document = (table: Table): ReadonlyArray<Documented> =>
  Object.entries(table).map(([flag, { default: standard, description }]) => ({
    flag: `--${flag}`,
    default: standard,
    description,
  }))

/**
 * The flags of every program, in the order of its help.
 *
 * @category constants
 * @since 0.1.0
 */
export const programs: Readonly<Record<ProgramName, ReadonlyArray<Documented>>> = {
  proxy: document(tables.proxy),
  up: document(tables.up),
  chaos: document(tables.chaos),
  status: document(tables.status),
}
