import { assert, describe, it } from "@effect/vitest"
import { Fault, Sim, VirtualNetwork } from "@holdfast/testing"
import { Cause, Clock, Context, Effect, Exit, Layer } from "effect"
import * as Net from "node:net"
import { chatting, diary, failureOf, planOf, valueOf } from "./support/net.ts"

const { VirtualNetwork: Network } = VirtualNetwork

describe("hosts of the virtual network", () => {
  class Cache extends Context.Service<Cache, { readonly id: number }>()("Cache") {}
  let built = 0
  const cache = Layer.effect(
    Cache,
    Effect.sync(() => ({ id: ++built })),
  )

  it("each have layers of their own, in each life, and share them with nobody", () => {
    built = 0
    const id = Effect.map(Cache, ({ id }) => id)
    const again = Effect.provide(id, cache)
    const ids = valueOf(
      Effect.gen(function* () {
        const network = yield* Network
        const [a, b] = [network.host("a"), network.host("b")]
        // Inside `provide`, the same layer is the same service, but not on another machine.
        const here = [yield* id, yield* again]
        const there = [yield* a.run(Effect.provide(Effect.all([id, again]), cache)), yield* b.run(again)]
        yield* network.crash("a")
        yield* network.restart("a")
        return [...here, ...there, yield* a.run(again)]
      }).pipe(Effect.provide(cache)),
    )
    assert.deepStrictEqual([ids, built], [[1, 1, [2, 2], 3, 4], 4])
  })

  it("a crash interrupts what runs, closes its scope, and the next start begins it anew, with the disk", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.gen(function* () {
          const network = yield* Network
          const host = network.host("server")
          const log: Array<string> = []
          const program = Effect.gen(function* () {
            const starts = Number(host.disk.get("starts") ?? 0) + 1
            host.disk.set("starts", starts)
            yield* Effect.acquireRelease(
              Effect.sync(() => log.push(`start ${starts}`)),
              () => Effect.sync(() => log.push(`gone ${starts}`)),
            )
            yield* Effect.forkScoped(
              Effect.forever(
                Effect.delay(
                  Effect.sync(() => log.push("tick")),
                  400,
                ),
              ),
            )
            yield* Effect.sleep("1 second")
            return `done after ${starts}`
          })
          yield* Effect.forkChild(
            Effect.gen(function* () {
              yield* Effect.sleep(500)
              yield* network.crash("server")
              yield* Effect.sleep("10 seconds")
              yield* network.restart("server")
              yield* Effect.sleep(500)
              yield* network.crash("server", { keepState: false })
              yield* network.restart("server")
            }),
          )
          return [`${yield* host.run(program)}, at ${yield* Clock.currentTimeMillis}`, [...log]]
        }),
      ),
      ["done after 1, at 12000", ["start 1", "tick", "gone 1", "start 2", "tick", "gone 2", "start 1", "tick", "tick"]],
    ))

  it("a crash resets connections, nobody there hears of it, and a listener outside comes back with the host", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.gen(function* () {
          const { accepted, client, network } = yield* chatting()
          yield* Effect.sleep(10)
          yield* network.crash("server")
          yield* Effect.sleep(10)
          const refused = diary(network.host("client").webSocket("ws://server"))
          yield* Effect.sleep(10)
          yield* network.restart("server")
          const again = diary(network.host("client").webSocket("ws://server"))
          yield* Effect.sleep(10)
          return [client.lines, accepted.map(({ lines }) => lines), refused.lines, again.lines]
        }),
      ),
      [
        ["open @4", "close 1006 @11"],
        [[], []],
        ["error connect ECONNREFUSED server:80 @22", "close 1006 @22"],
        ["open @34"],
      ],
    ))

  it("a pause stops everything on a host and nothing elsewhere; it goes on where it was", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.gen(function* () {
          const { accepted, client, network } = yield* chatting()
          const ticks: Array<number> = []
          const clock = Effect.forever(
            Effect.andThen(
              Effect.sleep("1 second"),
              Effect.map(Clock.currentTimeMillis, (now) => ticks.push(now)),
            ),
          )
          yield* Effect.forkScoped(network.host("server").run(clock))
          yield* Effect.sleep(1500)
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* network.inject(Fault.pause, "server")
              client.socket.send("hello")
              yield* Effect.sleep("5 seconds")
            }),
          )
          yield* Effect.sleep(600)
          return [ticks, accepted[0]!.lines]
        }),
      ),
      [[1000, 6500], ["message hello @6500"]],
    ))

  it("who crashes or pauses for several reasons goes on when the last of them is over, or when told to", () => {
    const ticks = Effect.gen(function* () {
      const seen: Array<number> = []
      const tick = Effect.andThen(
        Effect.sleep("1 second"),
        Effect.map(Clock.currentTimeMillis, (now) => seen.push(now / 1000)),
      )
      const { host } = yield* Network
      yield* Effect.forkScoped(host("a").run(Effect.forever(tick)))
      yield* Effect.sleep("15250 millis")
      return seen
    })
    const twice = (fault: string) =>
      valueOf(ticks, { plan: planOf(20, ["2500ms", "a", fault, "5s"], ["4500ms", "a", fault, "6s"]) })
    assert.deepStrictEqual(twice("crash"), [1, 2, 11.5, 12.5, 13.5, 14.5])
    assert.deepStrictEqual(twice("pause"), [1, 2, 10.5, 11.5, 12.5, 13.5, 14.5])
    const told = (fault: string, again: string) =>
      valueOf(ticks, {
        plan: planOf(20, ["2500ms", "a", fault, "5s"], ["3500ms", "a", again], ["6s", "a", fault, "4s"]),
      })
    assert.deepStrictEqual(told("crash", "restart"), [1, 2, 4.5, 5.5, 11, 12, 13, 14, 15])
    assert.deepStrictEqual(told("pause", "resume"), [1, 2, 3.5, 4.5, 5.5, 10, 11, 12, 13, 14, 15])
  })

  it("the time of day of a host may jump or run ahead, and its timers do not notice", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.gen(function* () {
          const network = yield* Network
          const looks = Effect.gen(function* () {
            const seen: Array<number> = []
            for (let i = 0; i < 3; i++) {
              yield* Effect.sleep("1 second")
              seen.push(yield* Clock.currentTimeMillis, Number(yield* Clock.monotonicTimeNanos) / 1e6)
            }
            return seen
          })
          yield* network.inject(Fault.clockJump({ by: "1h" }), "a")
          yield* network.inject(Fault.clockSkew({ rate: 2 }), "b")
          return yield* Effect.all([network.host("a").run(looks), network.host("b").run(looks), looks], {
            concurrency: "unbounded",
          })
        }),
      ),
      [
        [3_601_000, 1000, 3_602_000, 2000, 3_603_000, 3000],
        [2000, 1000, 4000, 2000, 6000, 3000],
        [1000, 1000, 2000, 2000, 3000, 3000],
      ],
    ))

  it("a port can be taken once, and is free when its scope closes", () => {
    const listen = Effect.flatMap(Network, (network) => network.host("server").onWebSocket(80, () => {}))
    assert.include(failureOf(Effect.andThen(listen, listen)), "listen EADDRINUSE server:80")
    valueOf(Effect.andThen(Effect.scoped(listen), listen))
  })

  it("names that would be links are refused", () =>
    assert.include(
      failureOf(Effect.map(Network, (network) => network.host("web-1"))),
      'a host cannot be called "web-1"',
    ))

  it("a real socket on a host is no part of it: the run says where it was opened", () => {
    const program = Effect.flatMap(Network, (network) =>
      network.host("client").run(
        Effect.callback<void>((resume) => {
          const socket = Net.connect(9, "127.0.0.1", () => resume(Effect.void))
          socket.on("error", () => {})
          return Effect.sync(() => socket.destroy())
        }),
      ),
    )
    const { escapes, exit } = Sim.run(program)
    assert.isTrue(escapes.some(({ where }) => where?.includes("networkHosts.test.ts")))
    assert.match(
      Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "",
      /has left the simulation[^]*networkHosts\.test\.ts/,
    )
  })
})
