/**
 * Runs the example on free ports of this machine. The proxy's own log, where the receipts are as well, is left out but for errors.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Acceptor } from "@holdfast/websocket"
import { Effect, Layer, References } from "effect"
import { Server } from "./peers.ts"
import { layer, program, Told } from "./program.ts"

const Live = Layer.unwrap(Effect.map(Server, ({ url }) => layer(url))).pipe(
  Layer.provideMerge(Layer.mergeAll(Server.layer, Told.layer, Acceptor.layer())),
  Layer.provide(Layer.succeed(References.MinimumLogLevel, "Error")),
)

NodeRuntime.runMain(Effect.provide(program, Live))
