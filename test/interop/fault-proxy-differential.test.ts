/**
 * One plan, two worlds: a program that was written once has the same kind of story to tell in the simulator and through a fault proxy on
 * real sockets. Kinds, not milliseconds: what is slow here takes 300 ms or more, what is not has 250. The sockets are real, their time
 * is that of a test clock: a busy machine must not look like a fault.
 */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { describe, it } from "@effect/vitest"
import { type Fault, FaultPlan, Sim, VirtualNetwork } from "@holdfast/testing"
import * as FaultProxy from "@holdfast/testing/FaultProxy"
import { Effect, Option, Result } from "effect"
import { paced } from "./kit/paced.ts"
import { all, answer, ask, type Bugs, type Story, verdict } from "./kit/story.ts"

const simulated = (plan: FaultPlan.FaultPlan, bugs?: Bugs): Effect.Effect<Story | undefined> => {
  const { exit } = Sim.run(
    Effect.gen(function* () {
      const network = yield* VirtualNetwork.VirtualNetwork
      yield* network.host("server").onSocket(7, answer)
      const client = network.host("client")
      return yield* client.run(
        ask(
          Effect.sync(() => client.socket("server:7")),
          bugs,
        ),
      )
    }).pipe(ended, Effect.scoped),
    { plan, seed: plan.seed, preempt: 0 },
  )
  return exit
}

// Nothing, for a program that does not come to its end; all that do need less.
const ended = <A, E, R>(story: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timeoutOption(story, "3500 millis"), Option.getOrUndefined)

const real = Effect.fnUntraced(function* (plan: FaultPlan.FaultPlan, bugs?: Bugs) {
  const server = yield* NodeSocketServer.make({ host: "127.0.0.1", port: 0 })
  yield* Effect.forkScoped(server.run((socket) => Effect.ignore(answer(socket))))
  const proxy = yield* FaultProxy.make({ upstream: String(server.address), link: "client-server" })
  const [host, port] = proxy.address.split(":")
  yield* Effect.forkScoped(proxy.play(plan), { startImmediately: true })
  return yield* ended(ask(NodeSocket.makeNet({ host: host!, port: Number(port) }), bugs))
})

const plan = (healAt: Fault.Time, faults: string): FaultPlan.FaultPlan => ({
  seed: 1,
  faults: faults === "" ? [] : Result.getOrThrow(FaultPlan.decodeText(faults)),
  healAt,
})

describe("the same plan, simulated and real", () => {
  for (const [faults, mishaps, slow] of [
    ["", [], false],
    ["latency:delay=150ms,at=80ms,for=900ms", [], true],
    ["latency:delay=10ms,jitter=20ms,dist=pareto", [], false],
    ["latency:delay=1h,at=80ms,for=400ms", [], true],
    ["reset:at=message:5,for=0ms", ["broken"], false],
    ["reset:after=7B,dir=down", ["broken"], false],
    ["blackhole:at=100ms,for=250ms", ["broken"], false],
    ["blackhole:at=100ms,for=1s,dir=up,on=client-server", ["silent", "broken"], false],
    ["partition:hold,at=100ms,for=400ms", [], true],
    ["partition:at=100ms,for=1100ms", ["silent"], true],
    ["refuse:at=message:6,for=250ms;closeClean:at=message:6,for=0ms", ["ended", "refused"], false],
    ["closeClean:at=connect:1,for=60ms", ["ended"], false],
    ["cutAt:bytes=5B,dir=down,for=150ms", ["ended"], false],
    ["cutAt:frame=3,dir=down", ["ended"], false],
    ["lostAck:nth=2,for=100ms", ["broken"], false],
    ["timeoutClose:after=150ms,at=50ms,for=250ms", ["ended", "broken"], false],
    ["slice:avg=1B,gap=1ms", [], false],
    ["bandwidth:bytesPerSec=10B,at=50ms,for=500ms", [], true],
    ["bandwidth:bytesPerSec=1B,at=80ms,for=400ms", [], true],
    ["slowClose:delay=100ms", [], false],
    ["slowAccept:delay=350ms", [], true],
    ["stall:at=100ms,for=400ms,on=server", [], true],
  ] as const) {
    it.effect(`${faults || "nothing"} leaves ${mishaps.join(", ") || (slow ? "a delay" : "no trace")}`, ({ expect }) =>
      Effect.gen(function* () {
        const story: Story = { answers: all, mishaps, slow }
        const it = plan("3s", faults)
        const told = yield* Effect.all({ simulated: simulated(it), real: paced(real(it)) })
        expect(told).toEqual({ simulated: story, real: story })
      }),
    )
  }
})

describe("a planted bug shows in both worlds or in none", () => {
  const sound = {}
  const patient = { patient: true }
  const forgetful = { forgetful: true }
  const faint = { faint: true }
  for (const [bugs, faults, expected] of [
    [sound, "blackhole:keepOpen,at=100ms,for=100ms", "fine"],
    [patient, "blackhole:keepOpen,at=100ms,for=100ms", "stuck"],
    [patient, "blackhole:at=100ms,for=100ms", "fine"],
    [patient, "latency:delay=100ms,at=100ms,for=300ms", "fine"],
    [forgetful, "latency:delay=100ms,at=100ms,for=300ms", "fine"],
    [forgetful, "reset:at=message:5,for=0ms", "lost"],
    [forgetful, "cutAt:bytes=5B,dir=up,for=150ms", "lost"],
    [faint, "reset:at=message:5,for=0ms", "fine"],
    [faint, "refuse:at=message:6,for=250ms;reset:at=message:6,for=0ms", "lost"],
    [sound, "refuse:at=message:6,for=250ms;reset:at=message:6,for=0ms", "fine"],
  ] as const) {
    it.effect(`${Object.keys(bugs)[0] ?? "sound"} under ${faults} is ${expected}`, ({ expect }) =>
      Effect.gen(function* () {
        const it = plan("1h", faults)
        const told = yield* Effect.all({ simulated: simulated(it, bugs), real: paced(real(it, bugs)) })
        expect([verdict(told.simulated), verdict(told.real)]).toEqual([expected, expected])
      }),
    )
  }
})
