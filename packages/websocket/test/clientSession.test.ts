import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Schedule } from "effect"
import * as Connectivity from "@holdfast/core/Connectivity"
import * as Client from "../src/Client.ts"
import { Dialer } from "../src/Dialer.ts"
import { FakeTransport } from "./support/fakeTransport.ts"
import { sayTo, some, started } from "./world/clientStage.ts"
import { textOf } from "./world/peer.ts"
import { simulated } from "./world/simulated.ts"

describe("a session", () => {
  it(
    "is not shown to another server than its own",
    simulated(() =>
      Effect.gen(function* () {
        const asked: Array<string> = []
        const hosts = ["ws://server/feed", "ws://elsewhere/feed", "ws://server/feed"]
        const url = Effect.sync(() => hosts[Math.min(asked.length, 2)]!)
        const transport = () =>
          Object.assign(new FakeTransport(), { headers: { "x-connection-id": "id", "x-resume-token": "secret" } })
        const opened: Array<FakeTransport> = []
        const dial: (typeof Dialer.Service)["dial"] = ({ headers = {}, url }) =>
          Effect.sync(() => {
            asked.push(`${url} ${headers["x-resume-token"] ?? "without a token"}`)
            opened.push(transport())
            return opened.at(-1)!
          })
        const client = yield* Client.make({ url, target: "t", backoff: Schedule.spaced("1 second") }).pipe(
          Effect.provideService(Dialer, { dial }),
        )
        yield* Connectivity.waitFor(client, "Ready")
        opened[0]!.end(1006)
        yield* Effect.sleep("2 seconds")
        opened[1]!.end(1006)
        yield* Effect.sleep("2 seconds")
        assert.deepStrictEqual(asked, [
          "ws://server/feed without a token",
          "ws://elsewhere/feed without a token",
          "ws://server/feed without a token",
        ])
        opened[2]!.end(1000) // or its goodbye would wait for an answer
      }),
    ),
  )
})

describe("onSession", () => {
  const hello = (send: (message: Client.Message) => Effect.Effect<void>) => send("hello")

  it(
    "is heard first, on every new session",
    simulated(() =>
      Effect.gen(function* () {
        const { client, got, is, last } = yield* started({ onSession: hello })
        yield* sayTo(client, "one")
        yield* is("Ready")
        yield* Effect.sleep("2 seconds")
        last().wire.cut()
        yield* Effect.sleep(1)
        yield* sayTo(client, "two")
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(
          [got(1), got(2)],
          [
            ["hello", "one"],
            ["hello", "two"],
          ],
        )
      }),
    ),
  )

  it(
    "is not heard again after a resume",
    simulated(() =>
      Effect.gen(function* () {
        const { client, got, is, network, upstream } = yield* started({ onSession: hello }, { proxied: true })
        yield* is("Ready")
        yield* sayTo(client, "one")
        yield* Effect.sleep("2 seconds")
        network.wires.client[0]!.cut()
        yield* Effect.sleep(1)
        yield* sayTo(client, "two")
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(
          [got(1), upstream.dials.length, network.wires.client.length],
          [["hello", "one", "two"], 1, 2],
        )
      }),
    ),
  )

  it(
    "is heard again after a resume when it may not have arrived",
    simulated(() =>
      Effect.gen(function* () {
        const { got, is, network } = yield* started({ onSession: hello }, { proxied: true })
        network.upstream.behave = () => network.wires.client[0]!.stall("up")
        yield* is("Ready")
        yield* Effect.sleep(5)
        network.wires.client[0]!.cut()
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(got(1), ["hello"])
      }),
    ),
  )

  it(
    "is heard again after a resume when it had not finished",
    simulated(() =>
      Effect.gen(function* () {
        const opened = yield* Deferred.make<void>()
        const { client, got, is, network } = yield* started(
          {
            onSession: (send) => Effect.andThen(send("who"), Effect.andThen(Deferred.await(opened), send("me"))),
          },
          { proxied: true },
        )
        yield* sayTo(client, "one")
        yield* is("Ready")
        yield* Effect.sleep("1 second")
        network.wires.client[0]!.cut()
        yield* Effect.sleep("1 second")
        yield* Deferred.succeed(opened, undefined)
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(got(1), ["who", "who", "me", "one"])
      }),
    ),
  )

  it(
    "that dies, is interrupted or hangs costs its connection, and the next may fare better",
    simulated(() =>
      Effect.gen(function* () {
        let session = 0
        const { client, got, upstream } = yield* started({
          onSession: (send) => {
            session++
            if (session === 1) throw new Error("a bug")
            if (session === 2) return Effect.die("another")
            if (session === 3) return Effect.interrupt
            return session === 4 ? Effect.never : send("hello")
          },
        })
        yield* sayTo(client, "one")
        yield* Effect.sleep("1 minute")
        assert.deepStrictEqual([session, upstream.open.length, got(5)], [5, 1, ["hello", "one"]])
        assert.deepStrictEqual([got(1), got(2), got(3), got(4)], [[], [], [], []])
      }),
    ),
  )

  it(
    "may say a lot to a slow server, for longer than it may say nothing",
    simulated(() =>
      Effect.gen(function* () {
        const texts = some("m", 100).map((text) => text.padEnd(500))
        const { client, got, upstream } = yield* started(
          {
            buffer: { bytes: 5000 },
            onSession: (send) => Effect.forEach(texts, send, { discard: true }),
          },
          { settings: () => ({ up: { window: 1000, bandwidth: 1000 } }) },
        )
        yield* sayTo(client, "one")
        yield* Effect.sleep("2 minutes")
        assert.deepStrictEqual([upstream.dials.length, got(1)], [1, [...texts, "one"]])
      }),
    ),
  )

  it(
    "is waited for when the scope closes",
    simulated(() =>
      Effect.gen(function* () {
        const { client, close, ended, got, is } = yield* started({
          onSession: (send) => Effect.andThen(Effect.sleep("1 second"), send("hello")),
        })
        yield* sayTo(client, "one")
        yield* is("Ready")
        yield* close
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual([got(1), ended(1)?.code], [["hello", "one"], 1000])
      }),
    ),
  )
})

describe("behind a proxy", () => {
  it(
    "a client comes back to its session, and misses nothing",
    simulated(() =>
      Effect.gen(function* () {
        const { client, events, is, last, network, upstream } = yield* started({}, { proxied: true })
        yield* is("Ready")
        yield* Effect.sleep("1 second")
        network.wires.client[0]!.cut()
        yield* Effect.sleep(10)
        last().peer.send("news")
        assert.deepStrictEqual(yield* client.receive, ["news"])
        assert.deepStrictEqual([upstream.dials.length, events("Uncertain")], [1, []])
      }),
    ),
  )

  it(
    "a client that was away for too long gets a new session, in the same dial",
    simulated(() =>
      Effect.gen(function* () {
        const { is, network, upstream } = yield* started(
          { backoff: Schedule.spaced("2 seconds"), onSession: (send) => send("hello") },
          { proxied: { linger: "1 second" } },
        )
        yield* is("Ready")
        yield* Effect.sleep("6 seconds")
        network.wires.client[0]!.cut()
        yield* Effect.sleep("2100 millis")
        assert.strictEqual(yield* is("Ready"), "Ready")
        yield* Effect.sleep(10)
        const heard = upstream.connections.map(({ peer }) => peer.received.map(textOf))
        assert.deepStrictEqual(heard, [["hello"], ["hello"]])
        assert.strictEqual(network.wires.client.length, 3) // the resume is a 404
      }),
    ),
  )

  it(
    "a client outlives a restart of the proxy",
    simulated(() =>
      Effect.gen(function* () {
        const { client, got, is, start, stop, upstream } = yield* started(
          { onSession: (send) => send("hello") },
          { proxied: true },
        )
        yield* is("Ready")
        yield* Effect.sleep("2 seconds")
        yield* stop
        yield* sayTo(client, "one")
        yield* Effect.sleep("1 second")
        yield* start
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual([upstream.connections.length, got(2)], [2, ["hello", "one"]])
      }),
    ),
  )

  it(
    "a server that lets in whoever shows a session is not taken for one that knows it",
    simulated(() =>
      Effect.gen(function* () {
        const { got, is, last, upstream } = yield* started({ onSession: (send) => send("hello") })
        const headers = { "x-connection-id": "a", "x-resume-token": "t" }
        upstream.reply = (dial) => (dial === 1 ? { _tag: "Accept", headers } : { _tag: "Accept" })
        yield* is("Ready")
        yield* Effect.sleep("2 seconds")
        last().wire.cut()
        yield* Effect.sleep("1 second")
        assert.strictEqual(last().request.headers["x-reconnect-id"], "a")
        assert.deepStrictEqual(got(2), ["hello"])
      }),
    ),
  )
})
