/**
 * Keeps the rows of one run, with their place and time.
 */
import type { Row } from "../History.ts"
import type { Moment } from "./moment.ts"
import type { Recorder } from "./record.ts"

/** The recorder of one run and what it has got. */
export interface Recording {
  readonly recorder: typeof Recorder.Service
  readonly rows: ReadonlyArray<Row>
}

/** No rows yet. */
export const make = (moment: Moment): Recording => {
  const rows: Array<Row> = []
  const row = (kind: Row["kind"], host: string, op: string, key: string, value: Row["value"]) =>
    void rows.push({ index: rows.length, at: moment.now, host, kind, op, key, value })
  return { recorder: { row }, rows }
}
