import { assert, describe, it } from "@effect/vitest"
import { type FaultPlan, History, Sim, VirtualNetwork } from "@holdfast/testing"
import { Effect, Fiber, Result } from "effect"

/** Kind, operation, key and value of every row, and when it was. */
const told = (program: Effect.Effect<unknown, unknown>) =>
  Sim.run(program, { preempt: 0 }).history.map(({ at, key, kind, op, value }) => [at, kind, op, key, value])

describe("History", () => {
  it("an attempt is told with how it ended, and when", () => {
    const found = told(
      Effect.gen(function* () {
        yield* Effect.void.pipe(Effect.delay("1 second"), History.attempt("send", 1, "hello"))
        yield* Effect.fail("full").pipe(History.attempt("send", 2), Effect.ignore)
        const fiber = yield* Effect.forkChild(Effect.never.pipe(History.attempt("send", "three")))
        yield* Effect.sleep("1 second")
        yield* Fiber.interrupt(fiber)
        yield* Effect.die("bug").pipe(History.attempt("send", 4), Effect.exit)
        yield* Effect.succeed(7).pipe(History.attempt("read", "x", null, (value: number) => value))
      }),
    )
    assert.deepStrictEqual(found, [
      [0, "invoke", "send", "1", "hello"],
      [1000, "ok", "send", "1", "hello"],
      [1000, "invoke", "send", "2", null],
      [1000, "fail", "send", "2", null],
      [1000, "invoke", "send", "three", null],
      [2000, "info", "send", "three", null],
      [2000, "invoke", "send", "4", null],
      [2000, "info", "send", "4", null],
      [2000, "invoke", "read", "x", null],
      [2000, "ok", "read", "x", 7],
    ])
  })

  it("what is seen and how something is are rows of their own, from plain code too", () => {
    const found = told(
      Effect.gen(function* () {
        yield* History.seen("receive", 1)
        yield* History.state("link", "chat", "Ready")
        const write = yield* History.writer
        write.seen("receive", 2, { bytes: 3 })
        write.state("buffer", "chat", { messages: 0 })
      }),
    )
    assert.deepStrictEqual(found, [
      [0, "ok", "receive", "1", null],
      [0, "state", "link", "chat", "Ready"],
      [0, "ok", "receive", "2", { bytes: 3 }],
      [0, "state", "buffer", "chat", { messages: 0 }],
    ])
  })

  it.effect("outside a run it does nothing, and what it wraps is as it was", () =>
    Effect.gen(function* () {
      yield* History.seen("receive", 1)
      assert.strictEqual(yield* Effect.succeed(1).pipe(History.attempt("send", 1)), 1)
      assert.strictEqual(yield* Effect.fail("no").pipe(History.attempt("send", 1), Effect.flip), "no")
    }),
  )

  it("a fiber that is left is a row, so that checks can see it", () => {
    const { history } = Sim.run(Effect.forkDetach(Sim.named(Effect.sleep(1), "poll")))
    assert.deepStrictEqual(
      history.map(({ index, key, kind, op }) => [index, kind, op, key]),
      [[0, "state", "left", "poll#2"]],
    )
  })

  it("a history in lines of JSON is the same history again", () => {
    const { history } = Sim.run(
      Effect.andThen(History.seen("receive", "\n", { a: [1, null, "\u2028"] }), History.state("n", 1, 2)),
    )
    const text = History.encode(history)
    assert.strictEqual(text.split("\n").length, 3)
    assert.deepStrictEqual(Result.getOrThrow(History.decode(`${text}\n`)), history)
  })

  it("the network and the plan tell what they do", () => {
    const program = Effect.gen(function* () {
      const network = yield* VirtualNetwork.VirtualNetwork
      const [client, server] = [network.host("client"), network.host("server")]
      yield* server.onWebSocket(80, () => {})
      const dial = (url: string) => {
        const socket: VirtualNetwork.WebSocketLike = client.webSocket(url)
        socket.on("error", () => {})
        return socket
      }
      dial("ws://server:81")
      const socket = dial("ws://server")
      yield* Effect.sleep("1500 millis")
      dial("ws://server").terminate()
      yield* Sim.healed
      socket.terminate()
      yield* Effect.sleep("1 second")
    })
    const reset: FaultPlan.Entry = { at: "1s", on: "client-server", fault: { _tag: "reset" }, for: "100ms" }
    const plan: FaultPlan.FaultPlan = { seed: 0, faults: [reset], healAt: "2s" }
    const { history } = Sim.run(program, { plan, preempt: 0 })
    assert.deepStrictEqual(
      history.map(({ host, key, kind, op, value }) => [kind, op, host, key, value]),
      [
        ["net", "dial", "client", "client-server#1", { to: "server:81" }],
        ["net", "dial", "client", "client-server#2", { to: "server:80" }],
        ["net", "refuse", "client", "client-server#1", "ECONNREFUSED"],
        ["net", "close", "client", "client-server#1", { code: 1006, reason: "" }],
        ["net", "connect", "server", "client-server#2", null],
        ["net", "connect", "client", "client-server#2", null],
        ["fault", "reset", "", "client-server", reset.fault],
        ["net", "close", "client", "client-server#2", { code: 1006, reason: "" }],
        ["net", "close", "server", "client-server#2", { code: 1006, reason: "" }],
        ["fault", "end", "", "client-server", reset.fault],
        ["net", "dial", "client", "client-server#3", { to: "server:80" }],
        ["net", "close", "client", "client-server#3", { code: 1006, reason: "" }],
        ["fault", "heal", "", "", null],
      ],
    )
  })

  it("a line that is no row is named, with what was expected", () => {
    const wrong = (line: string) => {
      const found = History.decode(`${History.encode(Sim.run(History.seen("receive", 1)).history)}${line}\n`)
      return Result.isFailure(found) ? found.failure.message : "it is one"
    }
    assert.match(wrong("{"), /^line 2 is no row of a history: /)
    assert.match(
      wrong(`{"index":0,"at":0,"host":"","kind":"maybe","op":"send","key":"1","value":null}`),
      /^line 2 is .*"info"[\s\S]*\["kind"\]/,
    )
  })
})
