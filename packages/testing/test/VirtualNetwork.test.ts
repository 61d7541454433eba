import { assert, describe, it } from "@effect/vitest"
import { Fault, Sim, VirtualNetwork } from "@holdfast/testing"
import { Cause, Clock, Context, Deferred, Effect, Exit, Layer, type Scope } from "effect"
import * as Socket from "effect/socket/Socket"
import * as Net from "node:net"
import { chatting, diary, echoing, valueOf } from "./support/net.ts"

const { VirtualNetwork: Network } = VirtualNetwork

/** The way a program failed. */
const failureOf = (program: Effect.Effect<unknown, unknown, Sim.World>): string => {
  const { exit } = Sim.run(program)
  return Exit.isFailure(exit) ? Cause.pretty(exit.cause) : assert.fail("it succeeded")
}

describe("WebSockets of the virtual network", () => {
  it("cross it in order, one latency each way, and end with the code that was said", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.gen(function* () {
          const { accepted, client } = yield* chatting()
          yield* Effect.sleep(10)
          client.socket.send("one")
          client.socket.send(Buffer.from("two"))
          accepted[0]!.socket.ping("are you there")
          yield* Effect.sleep(10)
          client.socket.close(4001, "enough")
          yield* Effect.sleep(10)
          return [client.lines, accepted[0]!.lines, client.socket.readyState, accepted[0]!.socket.readyState]
        }),
      ),
      [
        ["open @4", "ping are you there @11", "close 4001 enough @22"],
        ["message one @11", "message two @11", "pong are you there @12", "close 4001 enough @23"],
        3,
        3,
      ],
    ))

  it("carry path, headers and subprotocols, and let the server choose or refuse", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.gen(function* () {
          const network = yield* Network
          const requests: Array<unknown> = []
          yield* network.host("server").onUpgrade(8080, ({ accept, headers, protocols, reject, remote, url }) => {
            requests.push([url, headers["host"], headers["x-user"], protocols, remote])
            if (url === "/no") reject(503, { "retry-after": "7" }, "later")
            else accept({ protocol: protocols[1], headers: { "x-server": "1" } })
          })
          const { webSocket } = network.host("client")
          const options = { headers: { "X-User": "me" } }
          const good = webSocket("ws://server:8080/chat?a=1", ["a", "b"], options)
          const bad = diary(webSocket("ws://server:8080/no"))
          const told: Array<unknown> = []
          good.on("upgrade", (response: { readonly headers: VirtualNetwork.Headers }) => told.push(response.headers))
          const seen = webSocket("ws://server:8080/no")
          seen.on(
            "unexpected-response",
            (_: unknown, response: { readonly statusCode: number; on: VirtualNetwork.VirtualWebSocket["on"] }) => {
              response.on("data", (data: Buffer) => told.push([response.statusCode, data.toString()]))
            },
          )
          yield* Effect.sleep(10)
          return [requests.toSorted(), good.protocol, bad.lines, told]
        }),
      ),
      [
        [
          ["/chat?a=1", "server:8080", "me", ["a", "b"], "client"],
          ["/no", "server:8080", undefined, [], "client"],
          ["/no", "server:8080", undefined, [], "client"],
        ],
        "b",
        ["error Unexpected server response: 503 @4", "close 1006 @4"],
        [{ "x-server": "1" }, [503, "later"]],
      ],
    ))

  it("a dial fails as on a real network: no such host, nobody listens, no answer in time", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.gen(function* () {
          const network = yield* Network
          const { webSocket } = network.host("client")
          yield* network.host("server").onUpgrade(80, () => {})
          const all = [
            diary(webSocket("ws://nowhere")),
            diary(webSocket("ws://server:81")),
            diary(webSocket("ws://server", [], { handshakeTimeout: 100 })),
          ]
          const left = diary(webSocket("ws://server"))
          left.socket.close()
          yield* Effect.sleep(200)
          return [...all, left].map(({ lines }) => lines)
        }),
      ),
      [
        ["error getaddrinfo ENOTFOUND nowhere @0", "close 1006 @0"],
        ["error connect ECONNREFUSED server:81 @2", "close 1006 @2"],
        ["error Opening handshake has timed out @100", "close 1006 @100"],
        ["error WebSocket was closed before the connection was established @0", "close 1006 @0"],
      ],
    ))

  it("a class for code that calls `new`, and listens as in browsers", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.gen(function* () {
          const network = yield* Network
          yield* echoing("server")
          const { WebSocket } = network.host("client")
          const events: Array<unknown> = []
          const socket = new WebSocket("ws://server/")
          socket.binaryType = "arraybuffer"
          socket.addEventListener("message", ({ data, type }) => {
            events.push([type, typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer)])
            if (data === "text") socket.send(new Uint8Array([7]))
            else socket.close(1000)
          })
          const never = () => events.push("never")
          socket.addEventListener("close", never)
          socket.removeEventListener("close", never)
          const done = yield* Deferred.make<void>()
          Object.assign(socket, {
            onopen: () => socket.send("text"),
            onclose: ({ code, wasClean }: { readonly code: number; readonly wasClean: boolean }) => {
              events.push([code, wasClean])
              Deferred.doneUnsafe(done, Effect.void)
            },
          })
          yield* Deferred.await(done)
          return events
        }),
      ),
      [
        ["message", "text"],
        ["message", new Uint8Array([7])],
        [1000, true],
      ],
    ))

  it("Effect's own sockets run on it", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.gen(function* () {
          const network = yield* Network
          yield* echoing("server")
          const talk = Effect.gen(function* () {
            const socket = yield* Socket.makeWebSocket("ws://server/")
            const { pull } = yield* socket.reader
            const { write } = yield* socket.writer
            yield* write("hello")
            return yield* pull
          })
          return yield* Effect.scoped(talk).pipe(Effect.provide(network.host("client").layerWebSocketConstructor))
        }),
      ),
      ["hello"],
    ))

  it("a writer that is faster than its link has to wait, and the reader can make it", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.gen(function* () {
          const { accepted, client, network } = yield* chatting()
          yield* network.link("server-client", { latency: "10 millis", bandwidth: 10_000, queue: 1000 })
          yield* Effect.sleep(200)
          const { socket } = client
          socket.send("x".repeat(2992)) // 3000 bytes with its head
          const buffered = [socket.bufferedAmount]
          for (const millis of [105, 20, 120]) {
            yield* Effect.sleep(millis)
            buffered.push(socket.unsentBytes)
          }
          yield* Effect.sleep(200)
          const there = accepted[0]!.lines.length
          accepted[0]!.socket.pause()
          for (let i = 0; i < 200; i++) socket.send("y".repeat(992))
          yield* Effect.sleep("1 minute")
          const held = socket.unsentBytes
          accepted[0]!.socket.resume()
          yield* Effect.sleep("1 minute")
          return [buffered, there, held > 100_000, accepted[0]!.lines.length, socket.unsentBytes]
        }),
      ),
      [[3000, 2000, 1000, 0], 1, true, 201, 0],
    ))

  it("a handler that throws ends the run with what it threw, as it would end a process", () =>
    assert.include(
      failureOf(
        Effect.gen(function* () {
          const { accepted, client } = yield* chatting()
          yield* Effect.sleep(10)
          accepted[0]!.socket.on("message", () => {
            throw new Error("a bug in the handler")
          })
          client.socket.send("hello")
          yield* Effect.sleep("1 minute")
        }),
      ),
      "a bug in the handler",
    ))

  it("so does an error that nobody listens to", () =>
    assert.include(
      failureOf(
        Effect.gen(function* () {
          const network = yield* Network
          network.host("client").webSocket("ws://nowhere")
          yield* Effect.sleep(10)
        }),
      ),
      "getaddrinfo ENOTFOUND nowhere",
    ))
})

describe("bytes on the virtual network", () => {
  const serving = Effect.fnUntraced(function* (
    handler: (socket: Socket.Socket) => Effect.Effect<unknown, Socket.SocketError, Scope.Scope>,
  ) {
    const network = yield* Network
    yield* network.host("server").onSocket(5432, handler)
    return network.host("client").socket("server:5432")
  })
  const all = Effect.fnUntraced(function* (pull: Socket.Reader["pull"]) {
    const text: Array<string> = []
    const end = yield* Effect.flip(
      Effect.forever(Effect.map(pull, (chunks) => text.push(...chunks.map((one) => Buffer.from(one).toString())))),
    )
    return [text.join(""), end.reason._tag, end.message]
  })

  it("arrive in order, and the end of the stream does too", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.scoped(
          Effect.gen(function* () {
            const socket = yield* serving((socket) =>
              Effect.gen(function* () {
                const { pull } = yield* socket.reader
                const { write } = yield* socket.writer
                for (const chunk of yield* pull) yield* write(chunk)
                yield* write("bye")
                yield* write(new Socket.CloseEvent(1000))
                yield* Effect.ignore(Effect.forever(pull))
              }),
            )
            const { pull } = yield* socket.reader
            const { writeAll } = yield* socket.writer
            yield* writeAll(["hello ", "world "])
            return yield* all(pull)
          }),
        ),
      ),
      ["hello world bye", "SocketCloseError", "1000"],
    ))

  it("a handler that ends takes its connection along", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.scoped(
          Effect.gen(function* () {
            const socket = yield* serving((socket) =>
              Effect.gen(function* () {
                yield* socket.reader
                const { write } = yield* socket.writer
                yield* write("short")
                yield* Effect.sleep(10)
              }),
            )
            return yield* all((yield* socket.reader).pull)
          }),
        ),
      ),
      ["short", "SocketCloseError", "1000"],
    ))

  it("a dial that nobody takes fails as the dial", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.gen(function* () {
          const network = yield* Network
          network.host("server")
          const { message, reason } = yield* Effect.flip(
            Effect.scoped(network.host("client").socket("server:1").reader),
          )
          return [message, reason._tag]
        }),
      ),
      ["An error occurred during Open", "SocketOpenError"],
    ))

  it("a writer waits while the reader does not read", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.scoped(
          Effect.gen(function* () {
            const go = yield* Deferred.make<void>()
            let read = 0
            const socket = yield* serving((socket) =>
              Effect.gen(function* () {
                const { pull } = yield* socket.reader
                yield* Deferred.await(go)
                yield* Effect.forever(Effect.map(pull, (chunks) => chunks.forEach(({ length }) => (read += length))))
              }),
            )
            yield* Effect.forkScoped(Effect.ignore((yield* socket.reader).pull))
            const { write } = yield* socket.writer
            let written = 0
            const writing = yield* Effect.forkScoped(
              Effect.forEach(Array.from({ length: 100 }), () =>
                Effect.tap(write(new Uint8Array(10_000)), () => Effect.sync(() => (written += 10_000))),
              ),
            )
            yield* Effect.sleep("1 minute")
            const before = [written < 200_000, read]
            yield* Deferred.succeed(go, undefined)
            yield* Effect.sleep("1 minute")
            return [before, written, read, writing.pollUnsafe() !== undefined]
          }),
        ),
      ),
      [[true, 0], 1_000_000, 1_000_000, true],
    ))
})

describe("wires of the virtual network", () => {
  it("run messages on the other host, in order, and say when the queue is full", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.scoped(
          Effect.gen(function* () {
            const network = yield* Network
            const got: Array<unknown> = []
            yield* network.host("server").onWire(7, (wire) => {
              wire.carry("down", 10, () => got.push("welcome"))
            })
            const wire = yield* network.host("client").wire("server:7")
            let full = 0
            for (let i = 0; i < 20; i++) {
              if (wire.carry("up", 10_000, () => got.push(i))) continue
              full++
              yield* wire.writable("up")
            }
            yield* Effect.sleep(100)
            return [got, full > 0]
          }),
        ),
      ),
      [["welcome", ...Array.from({ length: 20 }, (_, i) => i)], true],
    ))

  it("end with a word about why", () =>
    assert.deepStrictEqual(
      valueOf(
        Effect.scoped(
          Effect.gen(function* () {
            const network = yield* Network
            yield* network.host("server").onWire(7, () => {})
            const { wire } = network.host("client")
            const refused = yield* Effect.flip(wire("server:8"))
            const kept = yield* wire("server:7")
            const closed = yield* Effect.scoped(Effect.map(wire("server:7"), ({ cut }) => cut))
            yield* network.crash("server")
            return [refused, yield* closed, yield* kept.cut, kept.carry("up", 1, () => {})]
          }),
        ),
      ),
      ["connect ECONNREFUSED server:8", "closed", "reset", false],
    ))
})

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
    assert.isTrue(escapes.some(({ where }) => where?.includes("VirtualNetwork.test.ts")))
    assert.match(
      Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "",
      /has left the simulation[^]*VirtualNetwork\.test\.ts/,
    )
  })
})
