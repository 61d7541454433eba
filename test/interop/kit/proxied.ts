/**
 * A proxy as a test sees it: built from its layers, closed with the test's scope.
 */
import { Events, Telemetry } from "@holdfast/core"
import { Acceptor, Proxy } from "@holdfast/websocket"
import { Context, Effect, Exit, Layer, Metric, References, Scope } from "effect"

/** Acceptor and proxy on a free port, with an events hub, telemetry and metrics of their own. */
export const proxied = Effect.fnUntraced(function* (options: Proxy.Options, acceptor: Acceptor.ListenOptions = {}) {
  return yield* proxiedOn(options, Acceptor.layer(acceptor))
})

/** The same on an acceptor of the test's own. */
export const proxiedOn = Effect.fnUntraced(function* <E>(
  options: Proxy.Options,
  acceptor: Layer.Layer<Acceptor.Acceptor, E>,
) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const registry = Layer.sync(Metric.MetricRegistry, () => new Map())
  // Losses are what most of these tests are about; the log shows only what nobody expects.
  const quiet = Layer.succeed(References.MinimumLogLevel, "Error")
  const fresh = Layer.mergeAll(Events.layer(), Telemetry.layer, quiet).pipe(Layer.provideMerge(registry))
  // Raw peers do not answer a goodbye; nobody wants to wait for that at the end of a test.
  const layer = Proxy.layer({ drainTimeout: "200 millis", ...options }).pipe(
    Layer.provideMerge(acceptor),
    Layer.provideMerge(fresh),
  )
  const context = yield* Layer.buildWithScope(layer, scope)
  const { address } = Context.get(context, Acceptor.Acceptor)
  return {
    address,
    url: `ws://${address}`,
    /** Rows now, by tag. */
    rows: (tag: Telemetry.Row["_tag"]) =>
      [...Context.get(context, Telemetry.Telemetry).probes()]
        .map((probe) => probe.row())
        .filter((row) => row._tag === tag),
    /** Everything that was reported. */
    events: () =>
      Context.get(context, Events.Events)
        .history()
        .map((entry) => entry.event),
    /** Waits for the first event of this kind. */
    event: (tag: string) => nextEvent(Context.get(context, Events.Events), tag),
    /** Waits for an event after which this is so. */
    until: (look: () => boolean) => untilEvent(Context.get(context, Events.Events), look),
    /** The metrics now: `name{label="value",...}` to the number, or to the count of a histogram. */
    metrics: () => metricsOf(context),
    context,
    /** Closes it now. */
    close: Effect.suspend(() => Scope.close(scope, Exit.void)),
  }
})

const nextEvent = (events: typeof Events.Events.Service, tag: string) =>
  Effect.gen(function* () {
    let last = 0
    while (true) {
      for (const { event, id } of yield* events.after(last)) {
        if (event._tag === tag) return event
        last = id
      }
    }
  })

const untilEvent = Effect.fnUntraced(function* (events: typeof Events.Events.Service, look: () => boolean) {
  let last = 0
  while (!look()) last = (yield* events.after(last)).at(-1)?.id ?? last
})

const metricsOf = (context: Context.Context<never>): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Metric.snapshotUnsafe(context).map(({ attributes, id, state }) => {
      const labels = Object.entries(attributes ?? {}).filter(([name]) => name !== "target")
      const value = "count" in state ? state.count : "value" in state ? state.value : 0
      return [`${id}{${labels.map(([name, text]) => `${name}="${text}"`).join(",")}}`, Number(value)]
    }),
  )
