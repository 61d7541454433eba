import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Option, Schedule, Scope } from "effect"
import * as Socket from "effect/socket/Socket"
import * as ClientSocket from "../src/ClientSocket.ts"
import { common, type Settings, staged } from "./world/clientStage.ts"
import { simulated } from "./world/simulated.ts"
import { echo } from "./world/upstream.ts"

const started = Effect.fnUntraced(function* (options: Partial<ClientSocket.Options> = {}, settings: Settings = {}) {
  const stage = yield* staged(settings)
  const scope = yield* Scope.fork(yield* Effect.scope)
  const layer = ClientSocket.layer({ ...common, ...options }).pipe(Layer.provideMerge(stage.world))
  const socket = Context.get(yield* Layer.buildWithScope(layer, scope), Socket.Socket)
  const { write, writeAll } = yield* socket.writer
  /** A reader, and how to give it up. */
  const read = Effect.gen(function* () {
    const own = yield* Scope.make()
    const { pull, upgrade } = yield* Scope.provide(socket.reader, own)
    return { pull, upgrade, close: Scope.close(own, Exit.void) }
  })
  return { ...stage, socket, read, write, writeAll, close: Scope.close(scope, Exit.void) }
})

const closing = (effect: Effect.Effect<unknown, Socket.SocketError>) =>
  Effect.map(Effect.flip(effect), ({ reason }) =>
    reason._tag === "SocketCloseError" ? [reason.code, reason.closeReason] : [reason._tag],
  )

describe("a client's socket", () => {
  it(
    "reads and writes, text and binary",
    simulated(() =>
      Effect.gen(function* () {
        const { read, upstream, write, writeAll } = yield* started()
        upstream.behave = echo
        yield* write("early")
        const { pull, upgrade } = yield* read
        yield* writeAll(["one", new Uint8Array([2])])
        const heard: Array<string | Uint8Array> = []
        while (heard.length < 3) heard.push(...(yield* pull))
        assert.deepStrictEqual(heard.slice(0, 2), ["early", "one"])
        assert.deepStrictEqual([...(heard[2] as Uint8Array)], [2])
        assert.deepStrictEqual(yield* closing(upgrade()), ["SocketUpgradeError"])
      }),
    ),
  )

  it(
    "hides a connection that was resumed",
    simulated(() =>
      Effect.gen(function* () {
        const { got, last, network, read, upstream, write } = yield* started({}, { proxied: true })
        const { pull } = yield* read
        yield* write("one")
        yield* Effect.sleep("2 seconds")
        network.wires.client[0]!.cut()
        yield* Effect.sleep(10)
        yield* write("two")
        last().peer.send("news")
        assert.deepStrictEqual(yield* pull, ["news"])
        yield* Effect.sleep(10)
        assert.deepStrictEqual([got(1), upstream.dials.length], [["one", "two"], 1])
      }),
    ),
  )

  it(
    "ends its reader with the close code, after what had arrived, and goes on with the next session",
    simulated(() =>
      Effect.gen(function* () {
        const { got, last, read, write } = yield* started()
        const first = yield* read
        last().peer.send("one")
        last().peer.close(1012, "restart")
        yield* Effect.sleep("1 second")
        last().peer.send("two")
        yield* Effect.sleep(10)
        assert.deepStrictEqual(yield* first.pull, ["one"])
        assert.deepStrictEqual(yield* closing(first.pull), [1012, "restart"])
        assert.deepStrictEqual(yield* closing(first.pull), [1012, "restart"])
        yield* first.close
        const second = yield* read
        assert.deepStrictEqual(yield* second.pull, ["two"])
        yield* write("three")
        yield* Effect.sleep(10)
        assert.deepStrictEqual(got(2), ["three"])
      }),
    ),
  )

  it(
    "ends its reader when the session could not be resumed",
    simulated(() =>
      Effect.gen(function* () {
        const { events, got, network, read, start, stop, upstream, write } = yield* started({}, { proxied: true })
        const first = yield* read
        yield* Effect.sleep("1 second")
        network.wires.client[0]!.cut()
        yield* stop
        yield* write("for the old session")
        yield* start
        assert.deepStrictEqual(yield* closing(first.pull), [1006, undefined])
        yield* first.close
        yield* read
        yield* write("for the new one")
        yield* Effect.sleep("2 seconds")
        assert.deepStrictEqual([got(2), upstream.connections.length], [["for the new one"], 2])
        assert.deepStrictEqual(events("Dropped"), [{ messages: 1, why: "session" }])
      }),
    ),
  )

  it(
    "ends its reader at once when the session was ended with a goodbye, also while nobody can be dialled",
    simulated(() =>
      Effect.gen(function* () {
        const { last, read, upstream } = yield* started({}, { proxied: { onUpstreamLoss: "close" } })
        const { pull } = yield* read
        upstream.down()
        last().peer.close(1011, "a bug")
        assert.deepStrictEqual(yield* Effect.timeout(closing(pull), "1 second"), [1011, "a bug"])
      }),
    ),
  )

  for (const [uncertain, found] of [
    ["fail", "another"],
    ["drop", "gap"],
    ["replay", "again"],
  ] as const) {
    it(
      `under ${uncertain} a doubt means ${found}`,
      simulated(() =>
        Effect.gen(function* () {
          const { events, got, network, read, upstream, write } = yield* started({ uncertain }, { proxied: true })
          const { pull } = yield* read
          yield* Effect.sleep("1 second")
          network.wires.client[0]!.stall("up")
          yield* write("one")
          yield* Effect.sleep(5)
          network.wires.client[0]!.cut()
          yield* Effect.sleep(5)
          yield* write("two")
          const outcome = { fail: "failed", drop: "dropped", replay: "replayed" }[uncertain]
          if (uncertain === "fail") assert.deepStrictEqual(yield* closing(pull), [1006, undefined])
          else assert.isTrue(Option.isNone(yield* Effect.timeoutOption(pull, "5 seconds")))
          yield* Effect.sleep("1 second")
          assert.deepStrictEqual(events("Uncertain"), [{ first: 1, last: 1, outcome }])
          const heard = { fail: [], drop: ["two"], replay: ["one", "two"] }[uncertain]
          assert.deepStrictEqual(got(1), heard)
          // What is written after the end is for the next session.
          assert.deepStrictEqual(got(2), uncertain === "fail" ? ["two"] : undefined)
          assert.strictEqual(upstream.dials.length, uncertain === "fail" ? 2 : 1)
        }),
      ),
    )
  }

  it(
    "says goodbye when its reader is closed, and the next has another session",
    simulated(() =>
      Effect.gen(function* () {
        const { ended, last, read } = yield* started({}, { proxied: true })
        const first = yield* read
        const waiting = yield* Effect.forkChild(Effect.exit(first.pull), { startImmediately: true })
        last().peer.send("taken")
        yield* Fiber.join(waiting)
        const again = yield* Effect.forkChild(closing(first.pull), { startImmediately: true })
        yield* first.close
        assert.deepStrictEqual(yield* Fiber.join(again), [1000, undefined])
        const second = yield* read
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(ended(1), { code: 1000, reason: "", clean: true })
        last().peer.send("fresh")
        assert.deepStrictEqual(yield* second.pull, ["fresh"])
      }),
    ),
  )

  it(
    "says goodbye when all is closed, reader first",
    simulated(() =>
      Effect.gen(function* () {
        const { close, ended, read, upstream } = yield* started({}, { proxied: true })
        const first = yield* read
        yield* first.close
        yield* close
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(ended(1), { code: 1000, reason: "", clean: true })
        yield* Effect.sleep("1 minute")
        assert.strictEqual(upstream.dials.length, 1)
      }),
    ),
  )

  it(
    "says goodbye with the code of a CloseEvent",
    simulated(() =>
      Effect.gen(function* () {
        const { ended, last, read, write } = yield* started()
        const { pull } = yield* read
        yield* write("bye")
        yield* write(new Socket.CloseEvent(4000, "enough"))
        assert.deepStrictEqual(yield* closing(pull), [4000, "enough"])
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(ended(1), { code: 4000, reason: "enough", clean: true })
        assert.isUndefined(last().peer.ended)
      }),
    ),
  )

  it(
    "keeps the next reader waiting while it is away, or while there is one",
    simulated(() =>
      Effect.gen(function* () {
        const { read, upstream } = yield* started()
        const first = yield* read
        const next = yield* Effect.forkChild(read)
        yield* Effect.sleep("1 second")
        assert.isUndefined(next.pollUnsafe())
        upstream.down()
        upstream.killAll()
        assert.deepStrictEqual(yield* closing(first.pull), [1006, undefined])
        yield* first.close
        yield* Effect.sleep("10 seconds")
        assert.isUndefined(next.pollUnsafe())
        upstream.up()
        yield* Fiber.join(next)
      }),
    ),
  )

  it(
    "dials with the client's backoff, however often it is read again",
    simulated(() =>
      Effect.gen(function* () {
        const { socket, upstream } = yield* started({ backoff: Schedule.spaced("1 second") })
        upstream.behave = ({ peer }) => peer.close(1012)
        const reading = Effect.scoped(Effect.flatMap(socket.reader, ({ pull }) => Effect.forever(pull)))
        const fiber = yield* Effect.forkChild(Effect.retry(reading, Schedule.forever))
        yield* Effect.sleep("10500 millis")
        assert.isAtMost(upstream.dials.length, 11)
        assert.isAtLeast(upstream.dials.length, 9)
        yield* Fiber.interrupt(fiber)
      }),
    ),
  )

  it(
    "outlives a server's 1000",
    simulated(() =>
      Effect.gen(function* () {
        const { last, read } = yield* started()
        const first = yield* read
        last().peer.close(1000)
        assert.deepStrictEqual(yield* closing(first.pull), [1000, undefined])
        yield* first.close
        const second = yield* read
        last().peer.send("again")
        assert.deepStrictEqual(yield* second.pull, ["again"])
      }),
    ),
  )

  it(
    "is over for good when it is told to stay away, and whoever tries for ever does not spin",
    simulated(() =>
      Effect.gen(function* () {
        const { last, socket, upstream, write } = yield* started()
        const codes: Array<number | string | undefined> = []
        const reading = Effect.scoped(Effect.flatMap(socket.reader, ({ pull }) => Effect.forever(pull)))
        const told = Effect.tapError(reading, ({ reason }) =>
          Effect.sync(() => codes.push(reason._tag === "SocketCloseError" ? reason.code : reason._tag)),
        )
        const fiber = yield* Effect.forkChild(Effect.retry(told, Schedule.forever))
        yield* Effect.sleep("1 second")
        last().peer.close(4401)
        yield* Effect.sleep("1 minute")
        yield* write("nobody hears it")
        assert.deepStrictEqual(new Set(codes), new Set([4401]))
        assert.isAtMost(codes.length, 14)
        assert.strictEqual(upstream.dials.length, 1)
        yield* Fiber.interrupt(fiber)
      }),
    ),
  )

  it(
    "fails to write when its buffer is full and says so",
    simulated(() =>
      Effect.gen(function* () {
        const { upstream, write } = yield* started({ buffer: { messages: 1, overflow: "Fail" } })
        upstream.down()
        yield* write("one")
        assert.deepStrictEqual(yield* closing(write("two")), ["SocketWriteError"])
      }),
    ),
  )
})
