/**
 * Runs the example on free ports of this machine.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { Shop } from "./peers.ts"
import { program } from "./program.ts"

NodeRuntime.runMain(Effect.provide(program, Shop.layer))
