import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric } from "effect"
import type * as Client from "../src/Client.ts"
import { failure, sayTo, started } from "./world/clientStage.ts"
import { simulated } from "./world/simulated.ts"

describe("a client's buffer", () => {
  const full = Effect.fnUntraced(function* (
    overflow: "Backpressure" | "DropOldest" | "DropNewest" | "Fail",
    buffer: Client.Options["buffer"] = { messages: 3 },
  ) {
    const all = yield* started({ buffer: { ...buffer, overflow } })
    all.upstream.down()
    yield* sayTo(all.client, "one", "two", "three")
    return all
  })

  it(
    "makes who sends wait when it is full",
    simulated(() =>
      Effect.gen(function* () {
        const { client, events, got, is, upstream } = yield* full("Backpressure")
        const sending = yield* Effect.forkChild(sayTo(client, "four", "five"))
        yield* Effect.sleep("1 second")
        assert.isUndefined(sending.pollUnsafe())
        upstream.up()
        yield* Fiber.join(sending)
        yield* is("Ready")
        yield* Effect.sleep(10)
        assert.deepStrictEqual([got(1), events("Dropped")], [["one", "two", "three", "four", "five"], []])
      }),
    ),
  )

  it(
    "gives up the oldest, and tells how many",
    simulated(() =>
      Effect.gen(function* () {
        const { client, events, got, is, upstream } = yield* full("DropOldest")
        yield* sayTo(client, "four", "five")
        yield* Effect.sleep("2 seconds")
        upstream.up()
        yield* is("Ready")
        yield* Effect.sleep(10)
        assert.deepStrictEqual(got(1), ["three", "four", "five"])
        assert.deepStrictEqual(events("Dropped"), [{ messages: 2, why: "full" }])
      }),
    ),
  )

  it(
    "counts what it gave up, what it sent and what it holds, until it closes",
    simulated(() =>
      Effect.gen(function* () {
        const { client, close, is, upstream } = yield* full("DropNewest")
        yield* sayTo(client, "four", "five")
        const context = yield* Effect.context<never>()
        const count = (name: string, outcome?: string) =>
          Metric.snapshotUnsafe(context).flatMap(({ attributes, id, state }) =>
            id === name && attributes?.["outcome"] === outcome ? [state] : [],
          )
        const counter = (of: number) => [{ count: of, incremental: true }]
        assert.deepStrictEqual(count("holdfast_messages_total", "lost"), counter(2))
        assert.deepStrictEqual(count("holdfast_buffer_messages"), [{ value: 3 }])
        upstream.up()
        yield* is("Ready")
        yield* Effect.sleep(10)
        assert.deepStrictEqual(count("holdfast_messages_total", "sent"), counter(3))
        assert.deepStrictEqual(count("holdfast_buffer_messages"), [{ value: 0 }])
        yield* close
        assert.deepStrictEqual(count("holdfast_messages_total", "lost"), [])
      }),
    ),
  )

  it(
    "gives up the newest, and tells how many",
    simulated(() =>
      Effect.gen(function* () {
        const { client, events, got, is, upstream } = yield* full("DropNewest")
        yield* sayTo(client, "four", "five")
        yield* Effect.sleep("2 seconds")
        yield* sayTo(client, "six")
        upstream.up()
        yield* is("Ready")
        yield* Effect.sleep("2 seconds")
        assert.deepStrictEqual(got(1), ["one", "two", "three"])
        const told = [
          { messages: 2, why: "full" },
          { messages: 1, why: "full" },
        ]
        assert.deepStrictEqual(events("Dropped"), told)
      }),
    ),
  )

  it(
    "fails, and has room again later",
    simulated(() =>
      Effect.gen(function* () {
        const { client, got, is, upstream } = yield* full("Fail")
        assert.deepInclude(yield* failure(client.send("four")), { _tag: "Full", messages: 3 })
        upstream.up()
        yield* is("Ready")
        yield* client.send("five")
        yield* Effect.sleep(10)
        assert.deepStrictEqual(got(1), ["one", "two", "three", "five"])
      }),
    ),
  )

  for (const overflow of ["DropOldest", "DropNewest", "Fail"] as const) {
    it(
      `holds no more bytes than it may, and one message, under ${overflow}`,
      simulated(() =>
        Effect.gen(function* () {
          const { client, is, last, upstream } = yield* full(overflow, { bytes: 1000 })
          for (let at = 1; at <= 50; at++) yield* Effect.ignore(client.send("x".repeat(at % 2 === 0 ? 10 : 600)))
          upstream.up()
          yield* is("Ready")
          yield* Effect.sleep(10)
          const bytes = last().peer.received.reduce((sum, { data }) => sum + data.byteLength, 0)
          assert.isAtMost(bytes, 1000 + 600)
          assert.isAtLeast(bytes, 600)
        }),
      ),
    )
  }

  it(
    "takes one message when it is empty, however large",
    simulated(() =>
      Effect.gen(function* () {
        for (const overflow of ["DropOldest", "DropNewest", "Fail", "Backpressure"] as const) {
          const { client, got, is } = yield* started({ buffer: { bytes: 1, overflow } })
          yield* client.send("large")
          yield* is("Ready")
          yield* Effect.sleep(10)
          assert.deepStrictEqual(got(1), ["large"])
        }
      }),
    ),
  )
})
