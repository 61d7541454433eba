/**
 * What was tried and what became of it: each beginning with its end. Attempts of one name by one host end in the order they began.
 */
import type { Row } from "../History.ts"

/** One attempt. Without an `end` it was still going on when the history ended. */
export interface Attempt {
  readonly begin: Row
  readonly end: Row | undefined
}

/** All attempts, in the order they began. */
export const attempts = (rows: ReadonlyArray<Row>): ReadonlyArray<Attempt> => {
  const open = new Map<string, Array<{ begin: Row; end: Row | undefined }>>()
  const all: Array<{ begin: Row; end: Row | undefined }> = []
  for (const row of rows) {
    if (row.kind !== "invoke" && row.kind !== "ok" && row.kind !== "fail" && row.kind !== "info") continue
    const name = JSON.stringify([row.host, row.op, row.key])
    if (row.kind === "invoke") {
      const attempt = { begin: row, end: undefined }
      all.push(attempt)
      const others = open.get(name)
      if (others === undefined) open.set(name, [attempt])
      else others.push(attempt)
    } else {
      // Without a beginning it was seen, not tried.
      const attempt = open.get(name)?.shift()
      if (attempt !== undefined) attempt.end = row
    }
  }
  return all
}
