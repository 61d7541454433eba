/**
 * Runs the example on free ports of this machine.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer } from "effect"
import { World } from "./peers.ts"
import { layer, program } from "./program.ts"

NodeRuntime.runMain(Effect.provide(program, layer.pipe(Layer.provideMerge(World.layer))))
