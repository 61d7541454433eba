import { assert, describe, it } from "@effect/vitest"
import { VirtualNetwork } from "@holdfast/testing"
import { Deferred, Effect, type Scope } from "effect"
import * as Socket from "effect/socket/Socket"
import { valueOf } from "./support/net.ts"

const { VirtualNetwork: Network } = VirtualNetwork

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
