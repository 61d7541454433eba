/**
 * Runs the example on free ports of this machine, with a log of nothing but errors.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer, References } from "effect"
import { Page } from "./page.ts"
import { Feed } from "./peers.ts"
import { program } from "./program.ts"

const Live = Layer.mergeAll(Feed.layer, Page.layer, Layer.succeed(References.MinimumLogLevel, "Error"))

NodeRuntime.runMain(Effect.provide(program, Live))
