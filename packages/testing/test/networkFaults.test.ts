/**
 * What each kind of fault does to a client that says "n" every 100 ms to a server which says it back, from 1 s to 2 s, on a link of 1 ms.
 */
import { assert, describe, it } from "@effect/vitest"
import { VirtualNetwork } from "@holdfast/testing"
import { Duration, Effect } from "effect"
import { during, from, lastOf, trips } from "./support/during.ts"
import { type Diary, diary, planOf, valueOf } from "./support/net.ts"

const { VirtualNetwork: Network } = VirtualNetwork

describe("faults that make bytes late", () => {
  it("latency delays one way or both, and only as long as it lasts", () => {
    const { client } = during("latency:delay=50ms")
    assert.deepInclude(trips(client), { 9: 2, 11: 102, 18: 102, 19: 101, 21: 2 })
    assert.deepInclude(trips(during("latency:delay=50ms,dir=up").client), { 9: 2, 11: 52, 21: 2 })
  })

  it("jitter is at most that much more, in every distribution, and never turns messages around", () => {
    for (const dist of ["const", "uniform", "normal", "lognormal", "pareto"]) {
      const { client } = during(`latency:delay=50ms,jitter=300ms,dist=${dist},dir=up`)
      const [all, order] = [
        Object.values(trips(client)),
        client.flatMap((line) => /message (\d+)/.exec(line)?.[1] ?? []),
      ]
      assert.isAtMost(Math.max(...all), 352, dist)
      assert.isAtLeast(Math.max(...all), 60, dist)
      assert.deepStrictEqual(
        order,
        order.toSorted((a, b) => Number(a) - Number(b)),
        dist,
      )
    }
  })

  it("bandwidth lets so many bytes through, after its burst", () => {
    // 4 bytes up and 4 down, 8 with the mask.
    assert.deepInclude(trips(during("bandwidth:bytesPerSec=100B,dir=up").client), { 9: 2, 11: 82, 21: 2 })
    assert.deepInclude(trips(during("bandwidth:bytesPerSec=100B,burst=24B,dir=up").client), { 11: 2, 12: 2, 14: 82 })
  })

  it("what is late because of a fault comes when that is over, as fast as the link is", () => {
    assert.deepInclude(trips(during("latency:delay=1h,dir=up").client), { 9: 2, 11: 902, 19: 102, 21: 2 })
    assert.deepInclude(trips(during("bandwidth:bytesPerSec=1B").client), { 9: 2, 19: 102, 21: 2 })
    assert.deepInclude(trips(during("slice:avg=1B,gap=1h,dir=up").client), { 9: 2, 11: 902, 19: 102, 21: 2 })
    const arrived = (bandwidth?: number) =>
      valueOf(
        Effect.gen(function* () {
          const network = yield* Network
          yield* network.link("client-server", { bandwidth })
          const served: Array<Diary> = []
          yield* network.host("server").onWebSocket(80, (socket) => void served.push(diary(socket)))
          const client = diary(network.host("client").webSocket("ws://server"))
          yield* Effect.sleep(5_000)
          client.socket.send("x".repeat(10_000))
          client.socket.send("y")
          yield* Effect.sleep("1 minute")
          return served[0]!.lines.map((line) => line.replace(/xx+/, "xx"))
        }),
        { plan: planOf(9, ["4s", "*", "bandwidth:bytesPerSec=1B", "2s"]) },
      )
    assert.deepStrictEqual(arrived(), ["message xx @6001", "message y @6001"])
    assert.deepStrictEqual(arrived(1000), ["message xx @16009", "message y @16016"])
  })

  it("slice takes messages apart, with a gap between the pieces", () => {
    assert.deepInclude(trips(during("slice:avg=2B,gap=5ms,dir=up").client), { 9: 2, 11: 2 + 3 * 5, 21: 2 })
    const some = Object.values(trips(during("slice:avg=4B,variation=3B,gap=5ms,dir=up").client))
    assert.isAbove(new Set(some).size, 2)
  })

  it("slowAccept delays new connections, slowClose the end of one", () => {
    assert.strictEqual(during("slowAccept:delay=700ms").late[0], "open @2204")
    const slow = during("closeClean:code=4000", { time: "0ms" }).client
    assert.strictEqual(lastOf(slow), "close 4000 @1001")
    const terminated = (fault: string) =>
      valueOf(
        Effect.gen(function* () {
          const network = yield* Network
          const served: Array<Diary> = []
          yield* network.host("server").onWebSocket(80, (socket) => void served.push(diary(socket)))
          const client = diary(network.host("client").webSocket("ws://server"))
          yield* Effect.sleep(100)
          client.socket.terminate()
          yield* Effect.sleep("1 hour")
          return lastOf(served[0]!.lines)
        }),
        { plan: planOf(4, ["0ms", "*", fault]), atMost: "2 hours" },
      )
    assert.deepStrictEqual(
      [terminated("latency:delay=0ms"), terminated("slowClose:delay=2s")],
      ["close 1006 @101", "close 1006 @2101"],
    )
  })
})

describe("faults that lose bytes", () => {
  it("blackhole keeps connections open and silent, makes new ones, and resets those that lost something when it is over", () => {
    const { client, late, server } = during("blackhole")
    assert.deepStrictEqual([trips(client)[9], trips(client)[11], lastOf(client)], [2, undefined, "close 1006 @2000"])
    assert.strictEqual(lastOf(server[0]!), "close 1006 @2000")
    assert.deepStrictEqual(late, ["error socket hang up @2000", "close 1006 @2000"])
  })

  it("a blackhole one way is deaf that way only", () => {
    const { client, server } = during("blackhole:dir=down")
    assert.deepStrictEqual([trips(client)[11], from(server[0]!, "message 19")], [undefined, "message 19 @1901"])
  })

  it("a blackhole with `keepOpen` leaves half-open connections behind, and nobody says so", () => {
    const { client, server } = during("blackhole:keepOpen=true")
    assert.deepStrictEqual([lastOf(client), lastOf(server[0]!)], ["message 9 @902", "message 9 @901"])
  })

  it("partition stops everything, and connections that lost something are reset; dials wait", () => {
    const { client, late } = during("partition")
    assert.deepStrictEqual([trips(client)[11], lastOf(client)], [undefined, "close 1006 @2000"])
    assert.strictEqual(late[0], "open @2004")
  })

  it("a partition that holds loses nothing: everything comes when it is over", () => {
    const { client, late } = during("partition:hold=true")
    assert.deepInclude(trips(client), { 9: 2, 11: 901, 19: 101, 21: 2 })
    assert.strictEqual(Object.keys(trips(client)).length, 29)
    assert.strictEqual(late[0], "open @2004")
  })

  it("a partition of groups parts those, and nobody else; a host alone is parted from all", () => {
    const groups = (text: string) => trips(during(text, { on: "*" }).client)[11]
    assert.deepStrictEqual(
      [groups("partition:groups=client|server"), groups("partition:groups=client+server|other")],
      [undefined, 2],
    )
    assert.isUndefined(trips(during("partition", { on: "server" }).client)[11])
    assert.strictEqual(trips(during("partition", { on: "other" }).client)[11], 2)
  })

  it("corrupt changes bytes: other messages, or none that anybody understands", () => {
    const { client } = during("corrupt:p=0.05,dir=up", { time: "2s" })
    const odd = client.filter((line) => /^(message (?!\d+ )|error|close)/.test(line))
    assert.isAbove(odd.length, 0)
    assert.deepStrictEqual(during("corrupt:p=0").client, during("latency:delay=0ms").client)
  })

  it("lostAck cuts the connection before the answer: the server has heard what nobody confirms", () => {
    const { client, server } = during("lostAck:nth=3")
    assert.deepStrictEqual([client.at(-2), lastOf(client)], ["message 11 @1102", "close 1006 @1202"])
    assert.strictEqual(from(server[0]!, "message 12"), "message 12 @1201")
  })
})

describe("faults that end connections", () => {
  it("reset tears down what is there, and what comes", () => {
    const { client, late, server } = during("reset")
    assert.deepStrictEqual([lastOf(client), lastOf(server[0]!)], ["close 1006 @1000", "close 1006 @1000"])
    assert.deepStrictEqual(late, ["error socket hang up @1501", "close 1006 @1501"])
  })

  it("reset after a time, or after so many bytes that way", () => {
    assert.strictEqual(lastOf(during("reset:after=250ms").client), "close 1006 @1250")
    // Two and a half messages of 8 bytes: the third never arrives.
    const { client, server } = during("reset:after=20B,dir=up")
    assert.deepStrictEqual([server[0]!.at(-2), lastOf(client)], ["message 11 @1101", "close 1006 @1201"])
  })

  it("what has not happened when it is over does not happen", () => {
    assert.strictEqual(Object.keys(trips(during("reset:after=5s").client)).length, 29)
    assert.strictEqual(Object.keys(trips(during("cutAt:frame=50,dir=up").client)).length, 29)
  })

  it("timeoutClose swallows, and then ends the stream", () => {
    const { client, server } = during("timeoutClose:after=300ms")
    assert.deepStrictEqual(
      [client.at(-2), lastOf(client), lastOf(server[0]!)],
      ["message 9 @902", "close 1006 @1301", "close 1006 @1301"],
    )
  })

  it("closeClean says goodbye to both, with its code and reason", () => {
    const { client, late, server } = during("closeClean:code=1012,reason=deploy")
    assert.deepStrictEqual([lastOf(client), lastOf(server[0]!)], ["close 1012 deploy @1001", "close 1012 deploy @1001"])
    assert.deepStrictEqual(late, ["open @1504", "close 1012 deploy @1505"])
    assert.strictEqual(lastOf(during("closeClean").client), "close 1000 @1001")
  })

  it("cutAt ends the stream right behind so many messages or bytes", () => {
    const { client, server } = during("cutAt:frame=2,dir=down")
    assert.deepStrictEqual([client.at(-2), lastOf(client)], ["message 11 @1102", "close 1006 @1103"])
    assert.strictEqual(server[0]!.at(-2), "message 11 @1101")
    assert.strictEqual(during("cutAt:bytes=16B,dir=up").server[0]!.at(-2), "message 11 @1101")
    assert.strictEqual(lastOf(during("cutAt").client), "close 1006 @1001")
  })

  it("serverError answers new WebSockets with its status, and leaves the open ones", () => {
    const { client, late } = during("serverError:status=503")
    assert.strictEqual(Object.keys(trips(client)).length, 29)
    assert.deepStrictEqual(late, ["error Unexpected server response: 503 @1504", "close 1006 @1504"])
  })

  it("serverError with a close code ends all, or only the new ones when it drains", () => {
    const now = during("serverError:status=1013")
    assert.deepStrictEqual([lastOf(now.client), now.late], ["close 1013 @1001", ["open @1504", "close 1013 @1505"]])
    const drained = during("serverError:status=1013,drain")
    assert.deepStrictEqual([trips(drained.client)[29], drained.late[1]], [2, "close 1013 @1505"])
    assert.strictEqual(lastOf(during("serverError:status=1006").client), "close 1006 @1000")
  })
})

describe("faults of dials", () => {
  it("refuse refuses new connections, and leaves the old", () => {
    const { client, late } = during("refuse")
    assert.deepStrictEqual(
      [Object.keys(trips(client)).length, late],
      [29, ["error connect ECONNREFUSED server:80 @1502", "close 1006 @1502"]],
    )
  })

  it("dns does not know the host, or does not answer until it is over", () => {
    assert.strictEqual(during("dns", { on: "server" }).late[0], "error getaddrinfo ENOTFOUND server @1500")
    assert.strictEqual(during("dns:fail=false", { on: "server" }).late[0], "open @2004")
    assert.strictEqual(during("dns", { on: "client" }).late[0], "open @1504")
  })

  it("addressChange leads new connections to another host", () => {
    assert.strictEqual(
      during("addressChange:to=nowhere", { on: "server" }).late[0],
      "error getaddrinfo ENOTFOUND server @1500",
    )
    const told = valueOf(
      Effect.gen(function* () {
        const network = yield* Network
        for (const name of ["old", "new"]) yield* network.host(name).onWebSocket(80, (socket) => socket.send(name))
        const before = diary(network.host("client").webSocket("ws://old"))
        yield* Effect.sleep(100)
        const after = diary(network.host("client").webSocket("ws://old"))
        yield* Effect.sleep(100)
        return [before.lines[1], after.lines[1], network.connections().map(({ from, to }) => `${from}-${to}`)]
      }),
      { plan: planOf(1, ["50ms", "old", "addressChange:to=new"]) },
    )
    assert.deepStrictEqual(told, ["message old @4", "message new @104", ["client-old", "client-new"]])
  })
})

describe("faults of hosts", () => {
  it("crash and its end, restart: connections are reset, dials are refused, then it serves again", () => {
    const { client, late } = during("crash", { on: "server" })
    assert.deepStrictEqual(
      [lastOf(client), late[0]],
      ["close 1006 @1001", "error connect ECONNREFUSED server:80 @1502"],
    )
    const early = valueOf(
      Effect.gen(function* () {
        const network = yield* Network
        yield* network.host("server").onWebSocket(80, () => {})
        yield* Effect.sleep(300)
        const socket = diary(network.host("client").webSocket("ws://server"))
        yield* Effect.sleep(100)
        return socket.lines
      }),
      { plan: planOf(9, ["100ms", "server", "crash"], ["200ms", "server", "restart"]) },
    )
    assert.deepStrictEqual(early, ["open @304"])
  })

  it("pause keeps connections, and everything comes when it goes on", () => {
    const { client, server } = during("pause", { on: "server" })
    assert.deepStrictEqual(
      [Object.keys(trips(client)).length, trips(client)[11], from(server[0]!, "message 19")],
      [29, 901, "message 19 @2000"],
    )
  })

  it("resume ends a pause before its time", () => {
    const told = valueOf(
      Effect.gen(function* () {
        const network = yield* Network
        yield* network.host("server").onWebSocket(80, () => {})
        const socket = diary(network.host("client").webSocket("ws://server"))
        yield* Effect.sleep("1 second")
        return socket.lines
      }),
      { plan: planOf(9, ["0ms", "server", "pause"], ["500ms", "server", "resume"]) },
    )
    assert.deepStrictEqual(told, ["open @501"])
  })

  it("stall reads nothing, sends as before, and reads all of it later", () => {
    const { client, server } = during("stall", { on: "client" })
    assert.deepStrictEqual(
      [from(server[0]!, "message 19"), trips(client)[11], Object.keys(trips(client)).length],
      ["message 19 @1901", 900, 29],
    )
  })

  it("memoryPressure leaves a kernel 1 KiB, so that writers feel a slow reader soon", () => {
    const sent = (fault: string) =>
      valueOf(
        Effect.gen(function* () {
          const network = yield* Network
          yield* network.host("server").onWebSocket(80, (socket) => socket.pause())
          const socket = network.host("client").webSocket("ws://server", [])
          yield* Effect.sleep(100)
          for (let n = 0; n < 200; n++) socket.send(new Uint8Array(1000))
          yield* Effect.sleep("10 seconds")
          return socket.unsentBytes
        }),
        { plan: planOf(60, ["50ms", "server", fault]) },
      )
    assert.isAbove(sent("memoryPressure") - sent("latency:delay=1ms"), 60_000)
  })

  it("a fault that began before its host was there hits it, too", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.gen(function* () {
          const network = yield* Network
          yield* Effect.sleep(100)
          return yield* network.host("server").run(Effect.map(Network, () => "ran"))
        }).pipe(
          Effect.timed,
          Effect.map(([time, value]) => [Duration.toMillis(time), value]),
        ),
        { plan: planOf(2, ["0ms", "server", "crash"]) },
      ),
      [2000, "ran"],
    ))
})

describe("faults of messages", () => {
  const sent = (fault: string) =>
    valueOf(
      Effect.scoped(
        Effect.gen(function* () {
          const network = yield* Network
          const got: Array<number> = []
          yield* network.host("server").onWire(7, () => {})
          const wire = yield* network.host("client").wire("server:7")
          for (let i = 0; i < 100; i++) wire.carry("up", 10, () => got.push(i))
          yield* Effect.sleep("1 second")
          return got
        }),
      ),
      { plan: planOf(9, ["0ms", "client-server", fault]) },
    )

  it("loss, duplicate and reorder do what they are called, with their chance", () => {
    const lost = sent("loss:p=0.2")
    assert.isTrue(lost.length < 95 && lost.length > 60)
    const twice = sent("duplicate:p=0.2")
    assert.isTrue(twice.length > 105 && new Set(twice).size === 100)
    const turned = sent("reorder:p=0.2")
    assert.deepStrictEqual(
      turned.toSorted((a, b) => a - b),
      Array.from({ length: turned.length }, (_, i) => i),
    )
    assert.isTrue(turned.some((n, i) => n > i) && turned.length >= 99)
    assert.deepStrictEqual(sent("loss:p=0.2,dir=down").length, 100)
  })
})
