/**
 * Judges of a history. Each answers with the rows that break its rule; none changes anything.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type * as History from "./History.ts"
import * as Delivery from "./internal/delivery.ts"
import * as Dials from "./internal/dials.ts"
import { impossible } from "./internal/linearizable.ts"
import * as Progress from "./internal/progress.ts"
import * as States from "./internal/states.ts"

/** A rule with a name. Write your own: it is a function of rows. */
export interface Check {
  /** What a failure report calls it. */
  readonly name: string
  /** The rows that break it; none means it holds. */
  readonly judge: (rows: ReadonlyArray<History.Row>) => ReadonlyArray<History.Row>
  /** Must be true of one run of an exploration at least; without it an exploration proves nothing. */
  readonly sometimes?: ((rows: ReadonlyArray<History.Row>) => boolean) | undefined
}

/** Which operations are the two ends of a delivery: `{ sent: "send", received: "receive" }`. Keys tell messages apart. */
export interface Ends {
  readonly sent: string
  readonly received: string
}

type Rows = ReadonlyArray<History.Row>

const rule = (name: string, judge: Check["judge"]): Check => ({ name, judge })
const along = ({ received, sent }: Ends): string => `${sent} to ${received}`

/** Every `ok` send arrived somewhere; `info` sends may or may not have. */
export const noLoss = (ends: Ends): Check => rule(`no loss from ${along(ends)}`, (rows) => Delivery.lost(rows, ends))

/** Nothing arrived twice at one host. */
export const noDuplicate = (ends: Ends): Check =>
  rule(`no duplicate from ${along(ends)}`, (rows) => Delivery.tooMany(rows, ends.received, 1))

/** This was seen so many times at most, for each key at each host. */
export const atMost = (most: number, op: string): Check =>
  rule(`at most ${most} ${op} of one key`, (rows) => Delivery.tooMany(rows, op, most))

/**
 * What arrived at one host arrived in the order in which its sender sent it. Gaps are no disorder.
 *
 * **Details**
 *
 * A send comes before another when it had succeeded before the other began; of two that overlap either may be the first.
 */
export const inOrder = (ends: Ends): Check =>
  rule(`in order from ${along(ends)}`, (rows) => Delivery.outOfOrder(rows, ends))

/** What arrived was sent before, under this key and with this value. */
export const noCorruption = (ends: Ends): Check =>
  rule(`no corruption from ${along(ends)}`, (rows) => Delivery.corrupt(rows, ends))

/**
 * A goodbye is heard as it was said: the same value, `{ code, reason }` or a code. 1006 passes if there was a fault since.
 */
export const closeCodes = (ends: Ends): Check =>
  rule(`close codes from ${along(ends)}`, (rows) => Delivery.misheard(rows, ends))

/** No buffer held more than this, by rows of `History.state("buffer", name, { messages, bytes })`. */
export const bounded = (limits: {
  readonly messages?: number | undefined
  readonly bytes?: number | undefined
}): Check =>
  rule(`buffers of ${limits.messages ?? "any number of"} messages, ${limits.bytes ?? "any number of"} bytes`, (rows) =>
    States.overfull(rows, { messages: limits.messages, bytes: limits.bytes }),
  )

/**
 * After the heal it is well within this time, and stays so.
 *
 * **Details**
 *
 * What was going on at the heal, or begun soon after, has ended by then; what begins later succeeds within the same time again; and
 * by then every link, told with `History.state("link", name, "Ready")`, is `Ready`, `Idle` or `Shutdown`.
 */
export const recovers = (options: { readonly within: Duration.Input }): Check =>
  rule(`recovers within ${text(options.within)}`, (rows) => Progress.unrecovered(rows, millis(options.within)))

/** At the end no fiber is left, and no connection that neither end has closed. A timer is a fiber that sleeps. */
export const quiet: Check = rule("quiet at the end", Progress.left)

/**
 * Whoever is connected notices in time that the other end is gone: at the end of the history no end is open whose other end closed
 * longer ago than this.
 */
export const noHalfOpen = (options: { readonly within: Duration.Input }): Check =>
  rule(`no connection half open after ${text(options.within)}`, (rows) =>
    Progress.deserted(rows, millis(options.within)),
  )

/** So many of the attempts at `op`, 0.99 of them by default, succeed within this virtual time. */
export const sla = (options: {
  readonly op: string
  readonly within: Duration.Input
  readonly part?: number | undefined
}): Check => {
  const { op, part = 0.99, within } = options
  return rule(`${part * 100} % of ${op} within ${text(within)}`, (rows) =>
    Progress.slow(rows, { op, part, within: millis(within) }),
  )
}

/**
 * Dials, from their beginning, never come faster than the schedule allows when it draws its shortest delays.
 *
 * **Details**
 *
 * A connection that lived for `stableAfter` starts the schedule anew. Default `0`: every connection does.
 */
export const backoff = (
  schedule: Schedule.Schedule<unknown>,
  options?: { readonly stableAfter?: Duration.Input | undefined },
): Check => {
  const stable = Duration.toMillis(options?.stableAfter ?? 0)
  return rule("backoff between dials", (rows) => Dials.hasty(rows, schedule, stable))
}

/** At most one dial at a time of one host to one target. */
export const oneDial: Check = rule("one dial at a time", Dials.atOnce)

/** At most one attempt at `op` at a time for each key, over all hosts. */
export const singleFlight = (op: string): Check => rule(`one ${op} at a time`, (rows) => Progress.doubled(rows, op))

/** Not more dials than `dials` in any `window`, over all hosts. */
export const noHerd = (options: { readonly dials: number; readonly window: Duration.Input }): Check =>
  rule(`at most ${options.dials} dials in ${text(options.window)}`, (rows) =>
    Dials.herd(rows, options.dials, millis(options.window)),
  )

/** States, told with `History.state(op, name, state)`, only change along these edges. One without edges is final. */
export const stateMachine = (op: string, edges: Readonly<Record<string, ReadonlyArray<string>>>): Check =>
  rule(`legal states of ${op}`, (rows) => States.illegal(rows, op, edges))

/** Connection states, told with `History.state("link", name, state)`, only change as gRPC's do. */
export const legalStates: Check = stateMachine("link", States.connectivity)

/** The numbers of this operation never fall, for each key at each host. */
export const monotonic = (op: string): Check => rule(`${op} never falls`, (rows) => States.falling(rows, op))

/**
 * Reads and writes of each key could have happened one at a time, each between its beginning and its end. For small histories.
 *
 * **Details**
 *
 * A write tells its value, a read its answer: `History.attempt("write", "x", 1)` and `History.attempt("read", "x", null, (n: number) => n)`.
 */
export const linearizable = (options: {
  readonly read: string
  readonly write: string
  /** What a read sees before any write. Default `null`. */
  readonly initial?: Schema.Json | undefined
}): Check => {
  const { initial = null, read, write } = options
  return rule(`${read} and ${write} are linearizable`, (rows) => impossible(rows, { initial, read, write }))
}

/** Over the whole exploration this was seen at least once: proof that the test tests something. */
export const sometimes = (name: string, rows: (rows: Rows) => boolean): Check => ({
  name,
  judge: () => [],
  sometimes: rows,
})

const millis = (input: Duration.Input): number => Duration.toMillis(input)

const text = (input: Duration.Input): string => Duration.format(Duration.fromInputUnsafe(input))
