/**
 * Compares lists of records by the fields a test is about.
 */
import { assert } from "@effect/vitest"

/** As many records, and each has at least these fields. */
export const subset = (actual: ReadonlyArray<object>, expected: ReadonlyArray<object>): void => {
  assert.strictEqual(actual.length, expected.length, JSON.stringify(actual))
  expected.forEach((wanted, at) => assert.deepStrictEqual(actual[at], { ...actual[at], ...wanted }))
}
