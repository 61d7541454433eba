/**
 * All of it in one line: on the router of your app, or on a port of its own. It adds nothing that its parts do not have,
 * but a hub of `Events` where there is none.
 *
 * @since 0.1.0
 */
import * as Events from "@holdfast/core/Events"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import * as AdminApi from "./AdminApi.ts"
import * as HealthRoutes from "./HealthRoutes.ts"
import * as Prometheus from "./Prometheus.ts"

/**
 * Who may ask, and what is running.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends AdminApi.Options, Prometheus.Options {}

/**
 * API, health and metrics on the router in the context, and an `Events` hub for what this layer is provided to.
 *
 * **Details**
 *
 * When the context already has a hub, that one is read and passed on, and none is made.
 *
 * **Gotchas**
 *
 * A hub made here reaches what this layer is provided to, not its siblings in a `Layer.mergeAll`: for those put one
 * `Events.layer()` below everything.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  Layer.mergeAll(AdminApi.layer(options), HealthRoutes.layer(options), Prometheus.layer(options)).pipe(
    Layer.provideMerge(makeHub()),
  )

// One layer value per call: a shared one would be built once and remembered, whatever the next context holds.
const makeHub = (): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.contextWith((context: Context.Context<never>) =>
      Effect.succeed(Context.getOrUndefined(context, Events.Events) === undefined ? Events.layer() : Layer.empty),
    ),
  )
