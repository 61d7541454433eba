import { assert, describe, it } from "@effect/vitest"
import { VirtualNetwork } from "@holdfast/testing"
import { Deferred, Effect } from "effect"
import * as Socket from "effect/socket/Socket"
import { chatting, diary, echoing, failureOf, valueOf } from "./support/net.ts"

const { VirtualNetwork: Network } = VirtualNetwork

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
