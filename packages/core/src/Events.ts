/**
 * What happened to connections: one synchronous sink that metrics, logs, the status page and tests all read. Never one per frame.
 * A reference, like Effect's `MetricRegistry`; a no-op until `Events.layer`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as EventSchema from "./EventSchema.ts"
import * as EventMetrics from "./internal/eventMetrics.ts"
import * as Ring from "./internal/ring.ts"

/** What every event has. The union is open: packages add kinds with `EventSchema.define`. */
export interface Event {
  readonly _tag: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly program: string
  readonly target: string
}

/** The kinds core emits itself. */
export type Known = typeof EventSchema.Known.Type

/** An event and its place in the order of one hub, from 1. */
export interface Entry {
  readonly id: number
  readonly event: Event
}

/** A sink of events that remembers the last ones. */
export interface Hub {
  /** Updates the metrics of the event, then wakes the readers. Plain, never waits, never throws. */
  readonly emit: (event: Event) => void
  /**
   * What came after the entry with that id; waits until there is something. Start at 0 for all that is remembered.
   * A reader that fell behind the memory of the hub first gets a `Lagged` with the number it missed.
   */
  readonly after: (id: number) => Effect.Effect<ReadonlyArray<Entry>>
  /** The last events, oldest first. Plain. */
  readonly history: () => ReadonlyArray<Entry>
  /** Says that a target is alive; the answer says that it is gone. With the last, the metrics of its events go. */
  readonly track: (target: string) => () => void
}

/** Where events go. */
export class Events extends Context.Reference<Hub>("@holdfast/core/Events", {
  defaultValue: () => ({ emit: () => {}, after: () => Effect.never, history: () => [], track: () => () => {} }),
}) {}

/** How much a hub remembers. */
export interface Options {
  /** Events kept for readers. Default `1024`. */
  readonly capacity?: number | undefined
}

/** A hub for everything this layer is provided to. */
export const layer = (options?: Options): Layer.Layer<never> =>
  Layer.effect(
    Events,
    Effect.contextWith((context: Context.Context<never>) =>
      Effect.sync(() => {
        const metrics = EventMetrics.make(context)
        const ring = Ring.make(options?.capacity ?? 1024, Context.get(context, Clock.Clock))
        return {
          ...ring,
          emit: (event: Event) => {
            metrics.measure(event)
            ring.emit(event)
          },
          track: metrics.track,
        }
      }),
    ),
  )

/**
 * Logs the events of the hub until the scope closes: what went wrong as warnings, drains as info, the rest as debug. At most one
 * line a second for each kind of event and target; it says how many there were.
 */
export const layerLog: Layer.Layer<never> = /* @__PURE__ */ Layer.effectDiscard(
  /* @__PURE__ */ Effect.gen(function* () {
    const events = yield* Events
    let last = events.history().at(-1)?.id ?? 0
    const write = Effect.fnUntraced(function* (entries: ReadonlyArray<Entry>) {
      last = entries.at(-1)?.id ?? last
      for (const [event, times] of summed(entries)) yield* log(event, times)
    })
    // What came during the last second is not lost with it.
    yield* Effect.addFinalizer(() => write(events.history().filter(({ id }) => id > last)))
    const follow = Effect.flatMap(
      Effect.suspend(() => events.after(last)),
      write,
    )
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(follow, Effect.sleep("1 second"))))
  }),
)

/** The last event of each kind and target, with their number. */
const summed = (entries: ReadonlyArray<Entry>): Iterable<readonly [Event, times: number]> => {
  const sums = new Map<string, readonly [Event, times: number]>()
  for (const { event } of entries) {
    const key = `${event._tag} ${event.program} ${event.target} ${isCancelled(event)}`
    sums.set(key, [event, (sums.get(key)?.[1] ?? 0) + 1])
  }
  return sums.values()
}

/** Somebody stopped waiting: that says nothing about the target. */
const isCancelled = (event: Event) => "result" in event && event.result === "cancelled"

const log = (event: Event, times: number) => {
  const { _tag, at: _, ...fields } = event
  const line = Effect.annotateLogs({ ...fields, ...(times > 1 ? { times } : {}) })
  if (_tag === "Lagged" || (_tag === "Failed" && !isCancelled(event))) return line(Effect.logWarning(_tag))
  return line(_tag === "Draining" || _tag === "Drained" ? Effect.logInfo(_tag) : Effect.logDebug(_tag))
}
