/**
 * Runs the example. It needs no port: the network is part of the simulation.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { program } from "./program.ts"

NodeRuntime.runMain(program)
