import { assert, describe, it } from "@effect/vitest"
import { Sim, VirtualNetwork } from "@holdfast/testing"
import { Client, Dialer, type Transport } from "@holdfast/websocket"
import * as DialerSocket from "@holdfast/websocket/DialerSocket"
import { Effect, Exit } from "effect"

/** Runs on two hosts of a virtual network; the client's dials go through it. */
const simulated = (
  program: (server: VirtualNetwork.Host) => Effect.Effect<unknown, unknown, Sim.World>,
  options?: Sim.RunOptions,
) => {
  const { escapes, exit, leaked } = Sim.run(
    Effect.gen(function* () {
      const network = yield* VirtualNetwork.VirtualNetwork
      const client = network.host("client")
      return yield* program(network.host("server")).pipe(
        Effect.scoped,
        Effect.provide(DialerSocket.layer(client.webSocket)),
        client.run,
      )
    }),
    options,
  )
  assert.deepStrictEqual([escapes, leaked], [[], []])
  return Exit.isSuccess(exit) ? exit.value : assert.fail(String(exit))
}

const dial = (target: Dialer.Target) => Effect.flatMap(Dialer.Dialer, ({ dial }) => dial(target))

/** What a dial fails with. */
const failure = (transport: ReturnType<typeof dial>) => Effect.map(Effect.flip(transport), ({ reason }) => reason)

const listening = (transport: Transport.Transport) =>
  Effect.callback<ReadonlyArray<string>>((resume) => {
    const heard: Array<string> = []
    transport.listen({
      frame: (frame) => void heard.push(`${frame.text ? "text" : "binary"} ${frame.size}`),
      writable: () => {},
      confirmed: (mark) => void heard.push(`confirmed ${mark}`),
      closed: ({ clean, code, reason }) => resume(Effect.succeed([...heard, `${code} ${reason} ${clean}`])),
    })
  })

const frame = (text: string): Transport.Frame => ({ text: true, size: text.length, bytes: () => Buffer.from(text) })

describe("DialerSocket", () => {
  it("a client lives on the network it is given, and comes back on it", () => {
    const found = simulated((server) =>
      Effect.gen(function* () {
        yield* server.onWebSocket(80, (socket) =>
          socket.on("message", (data) => socket.send(`you said ${String(data)}`)),
        )
        const client = yield* Client.make({ url: "ws://server" })
        const heard = Effect.map(client.receive, (messages) => messages.map(String))
        const first = yield* Effect.andThen(client.send("one"), heard)
        yield* client.reconnect("for the test")
        return [...first, ...(yield* Effect.andThen(client.send("two"), heard))]
      }),
    )
    assert.deepStrictEqual(found, ["you said one", "you said two"])
  })

  it("frames, barriers and the goodbye cross it, and what was asked and answered", () => {
    const found = simulated((server) =>
      Effect.gen(function* () {
        let asked = {}
        yield* server.onWebSocket(8080, (socket, headers) => {
          asked = { who: headers["x-who"], protocol: headers["sec-websocket-protocol"] }
          socket.on("message", (data) => socket.send(data, { binary: true }))
          socket.on("ping", () => socket.close(4001, "enough"))
        })
        const headers = { "x-who": ["a", "b"] }
        const transport = yield* dial({ url: "ws://server:8080/path", protocols: ["chat"], headers })
        assert.isTrue(transport.send(frame("hello")))
        assert.isTrue(transport.barrier(7))
        const heard = yield* listening(transport)
        return { asked, protocol: transport.protocol, heard, unsent: transport.unsentBytes() }
      }),
    )
    assert.deepStrictEqual(found, {
      asked: { who: "a, b", protocol: "chat" },
      protocol: "chat",
      heard: ["binary 5", "confirmed 7", "4001 enough true"],
      unsent: 0,
    })
  })

  it("whoever says goodbye waits until all was written and answered", () => {
    const found = simulated((server) =>
      Effect.gen(function* () {
        const arrived: Array<string> = []
        yield* server.onWebSocket(80, (socket) => {
          socket.on("message", (data) => arrived.push(String(data)))
          socket.on("close", (code) => arrived.push(String(code)))
        })
        const transport = yield* dial({ url: "ws://server" })
        transport.send(frame("last words"))
        yield* transport.close(1000, "done")
        yield* Effect.sleep("1 second")
        return [arrived, transport.heardBytes() >= 0]
      }),
    )
    assert.deepStrictEqual(found, [["last words", "1000"], true])
  })

  it("a dial that fails says where it stopped", () => {
    const found = simulated((server) =>
      Effect.gen(function* () {
        yield* server.onUpgrade(80, ({ reject }) => reject(503, { "retry-after": "1" }, "later"))
        const refused = yield* failure(dial({ url: "ws://server" }))
        const nobody = yield* failure(dial({ url: "ws://server:81" }))
        const unknown = yield* failure(dial({ url: "ws://nowhere" }))
        return [refused, nobody, unknown].map((reason) =>
          reason._tag === "Refused"
            ? [reason.status, reason.headers["retry-after"], String(Buffer.from(reason.body))]
            : reason._tag === "Unreachable" && reason.kind,
        )
      }),
    )
    assert.deepStrictEqual(found, [[503, "1", "later"], "refused", "dns"])
  })

  it("who stops waiting leaves no socket behind", () => {
    const open = simulated((server) =>
      Effect.gen(function* () {
        const network = yield* VirtualNetwork.VirtualNetwork
        yield* server.onUpgrade(80, () => {})
        yield* Effect.timeoutOption(Effect.scoped(dial({ url: "ws://server" })), "1 second")
        yield* Effect.sleep("1 second")
        return network.connections().length
      }),
    )
    assert.strictEqual(open, 0)
  })
})
