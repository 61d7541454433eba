/**
 * The services of a run: everything that would otherwise be real or shared between runs.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import { VirtualNetwork } from "../VirtualNetwork.ts"
import * as Chance from "./chance.ts"
import { Recorder } from "./record.ts"
import * as References from "./references.ts"

/** What one run provides to its program. */
export const context = (
  seed: number,
  made: {
    readonly clock: Clock.Clock
    readonly scheduler: Scheduler.Scheduler
    readonly recorder: typeof Recorder.Service
    readonly network: VirtualNetwork["Service"]
  },
): Context.Context<VirtualNetwork> => {
  const entropy = Chance.make(seed, "entropy")
  return Context.empty().pipe(
    Context.add(Scheduler.Scheduler, made.scheduler),
    Context.add(Clock.Clock, made.clock),
    Context.add(Random.Random, Chance.random(Chance.make(seed, "random"))),
    Context.add(Metric.MetricRegistry, new Map()),
    Context.add(References.Entropy, { bytes: (count) => Chance.bytes(entropy, count) }),
    Context.add(References.Telemetry, References.registry()),
    Context.add(Recorder, made.recorder),
    Context.add(VirtualNetwork, made.network),
  )
}
