import { assert, describe, it } from "@effect/vitest"
import * as Connectivity from "@holdfast/core/Connectivity"
import { Cause, Effect, Exit, Fiber, Option, Stream } from "effect"
import * as Client from "../src/Client.ts"
import * as ClientStream from "../src/ClientStream.ts"
import { failure, sayTo, some, started } from "./world/clientStage.ts"
import { simulated } from "./world/simulated.ts"
import { echo } from "./world/upstream.ts"

describe("a client", () => {
  it(
    "keeps what is sent until it is connected, and then sends it in order",
    simulated(() =>
      Effect.gen(function* () {
        const { client, got, is, upstream } = yield* started()
        upstream.behave = echo
        yield* sayTo(client, ...some("m", 5))
        yield* is("Ready")
        yield* client.send(new Uint8Array([1, 2]))
        const heard: Array<Client.Message> = []
        while (heard.length < 6) heard.push(...(yield* client.receive))
        assert.deepStrictEqual(heard.slice(0, 5), some("m", 5))
        assert.deepStrictEqual([...(heard[5] as Uint8Array)], [1, 2])
        assert.deepStrictEqual(got(1)?.slice(0, 5), some("m", 5))
      }),
    ),
  )

  it(
    "dials again after a loss, and tells which numbers may not have arrived",
    simulated(() =>
      Effect.gen(function* () {
        const { client, events, got, is, last } = yield* started()
        yield* is("Ready")
        yield* sayTo(client, "one")
        yield* Effect.sleep("2 seconds") // its barrier is answered
        last().wire.stall("up")
        yield* sayTo(client, "two", "three")
        last().wire.cut()
        yield* Effect.sleep(1)
        yield* sayTo(client, "four")
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual([got(1), got(2)], [["one"], ["four"]])
        assert.deepStrictEqual(events("Uncertain"), [{ first: 2, last: 3, outcome: "dropped" }])
      }),
    ),
  )

  it(
    "sends them again if that is wanted, before what waits",
    simulated(() =>
      Effect.gen(function* () {
        const { client, events, got, is, last } = yield* started({ uncertain: "replay" })
        yield* is("Ready")
        last().wire.stall("up")
        yield* sayTo(client, "one", "two")
        last().wire.cut()
        yield* Effect.sleep(1)
        yield* sayTo(client, "three")
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual([got(1), got(2)], [[], ["one", "two", "three"]])
        assert.deepStrictEqual(events("Uncertain"), [{ first: 1, last: 2, outcome: "replayed" }])
      }),
    ),
  )

  it(
    "is over if that is wanted",
    simulated(() =>
      Effect.gen(function* () {
        const { client, events, is, last, upstream } = yield* started({ uncertain: "fail" })
        yield* is("Ready")
        last().wire.stall("up")
        yield* sayTo(client, "one")
        last().wire.cut()
        const end = { _tag: "Dismissed", code: 1011, reason: "1 unconfirmed" } as const
        assert.deepInclude(yield* failure(client.receive), end)
        assert.deepInclude(yield* failure(client.send("two")), end)
        assert.strictEqual(yield* is("Shutdown"), "Shutdown")
        yield* Effect.sleep("1 minute")
        assert.deepStrictEqual(events("Uncertain"), [{ first: 1, last: 1, outcome: "failed" }])
        assert.strictEqual(upstream.dials.length, 1)
      }),
    ),
  )

  it(
    "tells its states, each reader all of them",
    simulated(() =>
      Effect.gen(function* () {
        const { client, close, is, last } = yield* started()
        const all = Stream.runCollect(Connectivity.latest(Connectivity.changes(client)))
        const one = yield* Effect.forkChild(all, { startImmediately: true })
        const two = yield* Effect.forkChild(all, { startImmediately: true })
        yield* is("Ready")
        last().wire.cut()
        yield* Effect.sleep("1 second")
        yield* close
        const states = ["Connecting", "Ready", "TransientFailure", "Connecting", "Ready", "Shutdown"]
        assert.deepStrictEqual(yield* Fiber.join(one), states)
        assert.deepStrictEqual(yield* Fiber.join(two), states)
      }),
    ),
  )

  it(
    "hangs up and dials again when it is told to",
    simulated(() =>
      Effect.gen(function* () {
        const { client, got, is, upstream } = yield* started()
        upstream.behave = echo
        yield* is("Ready")
        yield* sayTo(client, "one")
        assert.deepStrictEqual(yield* client.receive, ["one"])
        yield* client.reconnect("moved")
        yield* sayTo(client, "two")
        assert.deepStrictEqual(yield* client.receive, ["two"])
        assert.deepStrictEqual([got(1), got(2)], [["one"], ["two"]])
      }),
    ),
  )

  it(
    "finds out that nobody is there any more",
    simulated(() =>
      Effect.gen(function* () {
        const { is, last, upstream } = yield* started({ heartbeat: "5 seconds", heartbeatTimeout: "3 seconds" })
        yield* is("Ready")
        last().wire.freeze()
        yield* Effect.sleep("7900 millis")
        assert.strictEqual(upstream.dials.length, 1)
        yield* Effect.sleep("300 millis")
        assert.strictEqual(upstream.dials.length, 2)
      }),
    ),
  )

  it(
    "does not read while nobody reads, and does not take a server for dead that it does not read",
    simulated(() =>
      Effect.gen(function* () {
        const { client, is, last, upstream } = yield* started(
          { buffer: { messages: 4 }, heartbeat: "1 second", heartbeatTimeout: "1 second" },
          { settings: () => ({ down: { window: 1000 }, proxy: { readAhead: 1000 } }) },
        )
        yield* is("Ready")
        const { peer } = last()
        for (let at = 1; at <= 40; at++) peer.send(`${at}`.padStart(300))
        yield* Effect.sleep("1 minute")
        assert.strictEqual(upstream.dials.length, 1)
        assert.isAbove(peer.unsentBytes, 5000)
        const numbers: Array<number> = []
        while (numbers.length < 40) {
          const batch = yield* client.receive
          assert.isAtMost(batch.length, 8) // its mark, and one read that was on its way
          numbers.push(...batch.map(Number))
        }
        assert.deepStrictEqual(
          numbers,
          Array.from({ length: 40 }, (_, at) => at + 1),
        )
      }),
    ),
  )

  it(
    "gives each message to one of its readers",
    simulated(() =>
      Effect.gen(function* () {
        const { client, is, last } = yield* started()
        yield* is("Ready")
        const heard: Array<Client.Message> = []
        const read = Effect.forever(Effect.map(client.receive, (batch) => void heard.push(...batch)))
        const readers = [yield* Effect.forkChild(read), yield* Effect.forkChild(read)]
        for (const text of some("m", 20)) {
          last().peer.send(text)
          yield* Effect.sleep(1)
        }
        yield* Effect.sleep(10)
        assert.deepStrictEqual(heard, some("m", 20))
        yield* Fiber.interruptAll(readers)
      }),
    ),
  )

  it(
    "loses nothing for a reader that gave up waiting",
    simulated(() =>
      Effect.gen(function* () {
        const { client, is, last } = yield* started()
        yield* is("Ready")
        assert.isTrue(Option.isNone(yield* Effect.timeoutOption(client.receive, "1 second")))
        last().peer.send("late")
        assert.deepStrictEqual(yield* client.receive, ["late"])
      }),
    ),
  )

  it(
    "gives what it had received before it was over, and then why",
    simulated(() =>
      Effect.gen(function* () {
        const { client, is, last } = yield* started()
        yield* is("Ready")
        last().peer.send("one")
        last().peer.send("two")
        last().peer.close(4401, "who are you?")
        yield* is("Shutdown")
        const heard: Array<Client.Message> = []
        const all = Stream.runForEach(ClientStream.messages(client), (message) =>
          Effect.sync(() => heard.push(message)),
        )
        assert.deepInclude(yield* failure(all), { _tag: "Dismissed", code: 4401, reason: "who are you?" })
        assert.deepStrictEqual(heard, ["one", "two"])
      }),
    ),
  )
})

describe("a client's url", () => {
  it(
    "is asked for before every dial",
    simulated(() =>
      Effect.gen(function* () {
        let ticket = 0
        const { is, last, upstream } = yield* started({
          target: "ws://server/feed",
          url: Effect.sync(() => `ws://server/feed?ticket=${++ticket}`),
        })
        yield* is("Ready")
        last().wire.cut()
        yield* Effect.sleep("1 second")
        const urls = upstream.connections.map(({ request }) => request.url)
        assert.deepStrictEqual(urls, ["ws://server/feed?ticket=1", "ws://server/feed?ticket=2"])
      }),
    ),
  )

  it(
    "that dies, or hangs, is one failed dial",
    simulated(() =>
      Effect.gen(function* () {
        let asked = 0
        const { is, upstream } = yield* started({
          target: "ws://server/feed",
          url: Effect.suspend(() => {
            asked++
            if (asked === 1) return Effect.die("no ticket")
            return asked === 2 ? Effect.never : Effect.succeed("ws://server/feed")
          }),
        })
        yield* is("Ready")
        assert.deepStrictEqual([asked, upstream.dials.length], [3, 1])
      }),
    ),
  )

  const url = "ws://server"
  for (const [named, options] of [
    ["url", { url: "not a url" }],
    ["url", { url: "http://server" }],
    ["url", { url: "ws://user:secret@server" }],
    ["url", { url: "ws://server/#fragment" }],
    ["buffer.messages", { url, buffer: { messages: 0 } }],
    ["buffer.messages", { url, buffer: { messages: 1.5 } }],
    ["buffer.bytes", { url, buffer: { bytes: 0 } }],
    ["heartbeat", { url, heartbeat: 0 }],
    ["heartbeatTimeout", { url, heartbeatTimeout: -1 }],
    ["giveUpAfter", { url, giveUpAfter: 0 }],
    ["maxMessage", { url, maxMessage: Number.NaN }],
    ["x y", { url, headers: { "x y": "1" } }],
    ["x-y", { url, headers: { "x-y": "1\r\nz: 2" } }],
  ] satisfies ReadonlyArray<readonly [string, Client.Options]>) {
    it(`is a defect of the program when it is written wrong, as are other options: ${JSON.stringify(options)}`, () => {
      const exit = Effect.runSyncExit(Effect.scoped(Client.make(options)))
      assert.include(`${Exit.isFailure(exit) && Cause.squash(exit.cause)}`, named)
    })
  }
})
