/**
 * Runs the example on free ports of this machine, with a log of nothing but errors.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Acceptor } from "@holdfast/websocket"
import { Effect, Layer, References } from "effect"
import { Feed } from "./peers.ts"
import { layer, Losses, program } from "./program.ts"

const Live = Layer.unwrap(Effect.map(Feed, ({ url }) => layer(url))).pipe(
  Layer.provideMerge(Layer.mergeAll(Feed.layer, Losses.layer, Acceptor.layer())),
  Layer.provide(Layer.succeed(References.MinimumLogLevel, "Error")),
)

NodeRuntime.runMain(Effect.provide(program, Live))
