import { assert, describe, it } from "@effect/vitest"
import { FaultPlan, Sim, VirtualNetwork } from "@holdfast/testing"
import { Effect, Exit, Result, type Scope } from "effect"
import { during, lastOf, trips } from "./support/during.ts"
import { diary, planOf, valueOf } from "./support/net.ts"

const { VirtualNetwork: Network } = VirtualNetwork

describe("plans", () => {
  it("a fault waits for the n-th connection of its target, and is there before anything passes", () => {
    const { client, late } = during("blackhole:keepOpen=true", { at: "connect:2", time: "100ms" })
    assert.deepStrictEqual([Object.keys(trips(client)).length, late], [14, []])
  })

  it("or for the n-th message, which still arrives", () => {
    const { client, server } = during("reset", { at: "message:21", time: "0ms" })
    assert.deepStrictEqual([lastOf(client), server[0]!.at(-2)], ["close 1006 @1101", "message 11 @1101"])
  })

  it("a fault at the very moment of the heal has happened before it, whatever the seed", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { history } = Sim.run(Sim.healed, {
        plan: { ...planOf(1, ["1s", "a-b", "reset", "0ms"], ["0ms", "a-b", "refuse", "1s"]), seed },
      })
      assert.deepStrictEqual(
        history.map(({ at, op }) => `${op} @${at}`).sort(),
        ["end @1000", "end @1000", "heal @1000", "refuse @0", "reset @1000"],
        `seed ${seed}`,
      )
      assert.strictEqual(history.at(-1)!.op, "heal")
    }
    const { history } = Sim.run(Sim.healed, { plan: planOf(0, ["0ms", "a-b", "reset", "0ms"]) })
    assert.deepStrictEqual(
      history.map(({ at, op }) => `${op} @${at}`),
      ["reset @0", "end @0", "heal @0"],
    )
  })

  it("`healed` waits for the end of the plan: everything is well, whatever it did", () => {
    const program = Effect.gen(function* () {
      const network = yield* Network
      yield* network.host("server").onWebSocket(80, (socket) => socket.on("message", () => socket.send("well")))
      yield* network.cut("client-server")
      yield* network.crash("server")
      yield* Sim.healed
      const client = diary(network.host("client").webSocket("ws://server"))
      yield* Effect.sleep(10)
      client.socket.send("hello")
      yield* Effect.sleep(10)
      return client.lines
    })
    const plan = planOf(30, ["1s", "*", "partition"], ["2s", "server", "pause"], ["connect:1", "*", "reset", "1s"])
    // The last fault waits for an event, and after the heal there is nothing left to begin.
    assert.deepStrictEqual(valueOf(program, { plan }), ["open @30004", "message well @30012"])
    assert.throws(() => valueOf(Effect.timeout(Sim.healed, "29 seconds"), { plan }), /TimeoutError/)
    valueOf(Effect.timeout(Sim.healed, 0))
  })

  it("the history tells when each fault began, ended, and when all was well", () => {
    const { history } = Sim.run(Sim.healed, {
      plan: planOf(3, ["1s", "a-b", "latency:delay=1s", "500ms"], ["2s", "a", "pause"]),
    })
    assert.deepStrictEqual(
      history.map(({ at, key, kind, op, value }) => [at, kind, op, key, value]),
      [
        [1000, "fault", "latency", "a-b", { _tag: "latency", delay: "1s" }],
        [1500, "fault", "end", "a-b", { _tag: "latency", delay: "1s" }],
        [2000, "fault", "pause", "a", { _tag: "pause" }],
        [3000, "fault", "end", "a", { _tag: "pause" }],
        [3000, "fault", "heal", "", null],
      ],
    )
  })

  it("and what the network did, end by end", () => {
    const program = Effect.gen(function* () {
      const network = yield* Network
      yield* network.host("server").onWebSocket(80, () => {})
      const socket = network.host("client").webSocket("ws://server")
      diary(network.host("client").webSocket("ws://server:81"))
      yield* Effect.sleep(10)
      socket.close(4000, "bye")
      yield* Effect.sleep(10)
    })
    assert.deepStrictEqual(
      Sim.run(program).history.map(({ at, host, key, kind, op, value }) => [at, kind, host, op, key, value]),
      [
        [0, "net", "client", "dial", "client-server#1", { to: "server:80" }],
        [0, "net", "client", "dial", "client-server#2", { to: "server:81" }],
        [2, "net", "client", "refuse", "client-server#2", "ECONNREFUSED"],
        [2, "net", "client", "close", "client-server#2", { code: 1006, reason: "" }],
        [3, "net", "server", "connect", "client-server#1", null],
        [4, "net", "client", "connect", "client-server#1", null],
        [12, "net", "client", "close", "client-server#1", { code: 4000, reason: "bye" }],
        [13, "net", "server", "close", "client-server#1", { code: 4000, reason: "bye" }],
      ],
    )
  })

  it("its seed is that of the run, and a plan from the command line plays as well", () => {
    const faults = Result.getOrThrow(FaultPlan.decodeText("reset:at=50ms"))
    const run = Sim.run(Effect.sleep(100), { plan: { seed: 9, faults, healAt: "1s" } })
    assert.deepStrictEqual(
      [run.exit, run.hash],
      [Exit.void, Sim.run(Effect.sleep(100), { plan: { seed: 9, faults, healAt: "1s" }, seed: 9 }).hash],
    )
  })
})

describe("faults by hand", () => {
  /** What comes back of a message at each of these seconds, while a script runs beside it. */
  const scripted = (
    script: (network: VirtualNetwork.VirtualNetwork["Service"]) => Effect.Effect<void, never, Scope.Scope>,
  ) =>
    valueOf(
      Effect.gen(function* () {
        const network = yield* Network
        yield* network.host("server").onWebSocket(80, (socket) => {
          socket.on("message", (data: Buffer) => socket.send(data.toString()))
        })
        const client = diary(network.host("client").webSocket("ws://server"))
        yield* Effect.forkScoped(script(network))
        for (const second of [1, 2, 3]) {
          yield* Effect.sleep(990)
          if (client.socket.readyState === 1) client.socket.send(String(second))
          yield* Effect.sleep(10)
        }
        yield* Effect.sleep("1 second")
        return client.lines.slice(1)
      }),
    )

  it("hold keeps everything until release, whatever the order of the hosts", () =>
    assert.deepStrictEqual(
      scripted((network) =>
        Effect.gen(function* () {
          yield* Effect.sleep(500)
          yield* network.hold("server-client")
          yield* Effect.sleep(2000)
          yield* network.release("client-server")
        }),
      ),
      ["message 1 @2501", "message 2 @2501", "message 3 @2992"],
    ))

  it("cut loses one way or both, and a connection that lost something is reset by heal", () => {
    const cut = (direction?: "up" | "down") =>
      scripted((network) =>
        Effect.gen(function* () {
          yield* Effect.sleep(500)
          yield* network.cut("client-server", direction)
          yield* Effect.sleep(2000)
          yield* network.heal("server-client")
        }),
      )
    assert.deepStrictEqual(
      [cut(), cut("up"), cut("down")],
      Array.from({ length: 3 }, () => ["close 1006 @2500"]),
    )
  })

  it("crash and restart stop a host and start it again, and heal does, too", () => {
    const stopped = (again: "restart" | "heal") =>
      valueOf(
        Effect.gen(function* () {
          const network = yield* Network
          yield* network.host("server").onWebSocket(80, () => {})
          yield* network.crash("server")
          yield* again === "heal" ? network.heal() : network.restart("server")
          const client = diary(network.host("client").webSocket("ws://server"))
          yield* Effect.sleep(10)
          return client.lines
        }),
      )
    assert.deepStrictEqual([stopped("restart"), stopped("heal")], [["open @4"], ["open @4"]])
  })
})
