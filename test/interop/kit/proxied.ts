/**
 * A proxy as a test sees it: built from its layers, closed with the test's scope.
 */
import { Events, Telemetry } from "@holdfast/core"
import { Acceptor, Proxy } from "@holdfast/websocket"
import { Context, Effect, Layer, Metric, Scope } from "effect"

/** Acceptor and proxy on a free port, with an events hub, telemetry and metrics of their own. */
export const proxied = Effect.fnUntraced(function* (options: Proxy.Options, acceptor: Acceptor.ListenOptions = {}) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const fresh = Layer.mergeAll(Events.layer(), Telemetry.layer, Layer.sync(Metric.MetricRegistry, () => new Map()))
  const layer = Proxy.layer(options).pipe(Layer.provideMerge(Acceptor.layer(acceptor)), Layer.provideMerge(fresh))
  const context = yield* Layer.buildWithScope(layer, scope)
  const { address } = Context.get(context, Acceptor.Acceptor)
  return {
    address,
    url: `${acceptor.tls === undefined ? "ws" : "wss"}://${address}`,
    /** Rows now, by tag. */
    rows: (tag: Telemetry.Row["_tag"]) =>
      [...Context.get(context, Telemetry.Telemetry).probes()].map((probe) => probe.row()).filter((row) => row._tag === tag),
    /** Everything that was reported. */
    events: () =>
      Context.get(context, Events.Events)
        .history()
        .map((entry) => entry.event),
    context,
    /** Closes it now. */
    close: Effect.suspend(() => Scope.close(scope, Effect.runSync(Effect.exit(Effect.void)))),
  }
})
