import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { failure, sayTo, some, started } from "./world/clientStage.ts"
import { simulated } from "./world/simulated.ts"

describe("a client is told to stay away", () => {
  const codes = { final: [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003, 4400, 4401, 4403, 4409, 4413, 4499] }
  for (const code of codes.final) {
    it(
      `by ${code}`,
      simulated(() =>
        Effect.gen(function* () {
          const { client, is, last, upstream } = yield* started()
          yield* is("Ready")
          last().peer.close(code, "no")
          assert.deepInclude(yield* failure(client.receive), { _tag: "Dismissed", code, reason: "no" })
          assert.strictEqual(yield* is("Shutdown"), "Shutdown")
          yield* Effect.sleep("1 minute")
          assert.strictEqual(upstream.dials.length, 1)
        }),
      ),
    )
  }

  for (const code of [1001, 1005, 1011, 1012, 1013, 1014, 3001, 4000, 4404, 4408, 4429, 4500]) {
    it(
      `but not by ${code}`,
      simulated(() =>
        Effect.gen(function* () {
          const { is, last, upstream } = yield* started()
          yield* is("Ready")
          if (code === 1005) last().peer.close()
          else last().peer.close(code, "no")
          yield* Effect.sleep("1 second")
          assert.strictEqual(yield* is("Ready"), "Ready")
          assert.strictEqual(upstream.dials.length, 2)
        }),
      ),
    )
  }

  for (const [status, final] of [
    [301, true],
    [400, true],
    [401, true],
    [403, true],
    [404, true],
    [426, true],
    [408, false],
    [425, false],
    [429, false],
    [500, false],
    [503, false],
  ] as const) {
    it(
      `${final ? "" : "not "}by a dial that is answered with ${status}`,
      simulated(() =>
        Effect.gen(function* () {
          const { client, is, upstream } = yield* started()
          upstream.reply = (dial) => (dial === 1 ? { _tag: "Answer", status } : { _tag: "Accept" })
          if (final) {
            assert.deepInclude(yield* failure(client.receive), { _tag: "Dismissed", code: 4000 + status })
            yield* is("Shutdown")
            yield* Effect.sleep("1 minute")
          } else yield* is("Ready")
          assert.strictEqual(upstream.dials.length, final ? 1 : 2)
        }),
      ),
    )
  }

  it(
    "for a while, by a Retry-After",
    simulated(() =>
      Effect.gen(function* () {
        const { is, upstream } = yield* started()
        const headers = { "retry-after": "7" }
        upstream.reply = (dial) => (dial === 1 ? { _tag: "Answer", status: 503, headers } : { _tag: "Accept" })
        yield* is("Ready")
        const [first, second] = upstream.dials
        assert.isAtLeast(second! - first!, 7000)
        assert.isAtMost(second! - first!, 7010)
      }),
    ),
  )

  it(
    "by nobody: after giveUpAfter it is over by itself, with 1006",
    simulated(() =>
      Effect.gen(function* () {
        const { client, is, upstream } = yield* started({ giveUpAfter: "10 seconds" })
        upstream.reply = () => ({ _tag: "Answer", status: 503 })
        yield* client.send("waits")
        yield* Effect.sleep("9 seconds")
        assert.notStrictEqual(client.state(), "Shutdown")
        assert.deepInclude(yield* failure(client.receive), { _tag: "Dismissed", code: 1006 })
        yield* is("Shutdown")
        const dials = upstream.dials.length
        yield* Effect.sleep("1 minute")
        assert.strictEqual(upstream.dials.length, dials)
      }),
    ),
  )
})

describe("a client's scope closes", () => {
  it(
    "after what waits was sent, and a goodbye with 1000",
    simulated(() =>
      Effect.gen(function* () {
        const slow = { up: { window: 500, bandwidth: 1000 } }
        const { client, close, ended, events, got, is } = yield* started(
          { buffer: { bytes: 1000 } },
          { settings: () => slow },
        )
        yield* is("Ready")
        const texts = some("m", 20).map((text) => text.padEnd(100))
        const sending = yield* Effect.forkChild(sayTo(client, ...texts))
        yield* Fiber.join(sending)
        yield* close
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(got(1), texts)
        assert.deepStrictEqual(ended(1), { code: 1000, reason: "", clean: true })
        assert.deepInclude(yield* failure(client.receive), { _tag: "Dismissed", code: 1000 })
        assert.deepInclude(yield* failure(client.send("late")), { _tag: "Dismissed", code: 1000 })
        assert.deepStrictEqual([events("Uncertain"), events("Dropped")], [[], []])
      }),
    ),
  )

  it(
    "in bounded time though nobody answers, and what may be lost is told",
    simulated(() =>
      Effect.gen(function* () {
        const { client, close, events, is, last } = yield* started(
          { buffer: { bytes: 1000 } },
          { settings: () => ({ up: { window: 500 } }) },
        )
        yield* is("Ready")
        last().wire.freeze()
        yield* Effect.forkChild(sayTo(client, ...some("m", 30).map((text) => text.padEnd(100))))
        yield* Effect.sleep(1)
        const [took] = yield* Effect.timed(close)
        assert.isAtMost(Number(took) || 0, 31_000)
        const [doubt] = events("Uncertain") as unknown as ReadonlyArray<{ first: number; last: number }>
        const [dropped] = events("Dropped") as unknown as ReadonlyArray<{ messages: number; why: string }>
        assert.deepStrictEqual([doubt?.first, dropped?.why], [1, "over"])
        assert.isAtLeast(dropped!.messages, 1)
      }),
    ),
  )

  it(
    "at once while it is away, and what waited is told",
    simulated(() =>
      Effect.gen(function* () {
        const { client, close, events, upstream } = yield* started()
        upstream.down()
        yield* sayTo(client, "one", "two")
        yield* close
        assert.deepStrictEqual(events("Dropped"), [{ messages: 2, why: "over" }])
        assert.deepInclude(yield* failure(client.receive), { _tag: "Dismissed", code: 1006 })
      }),
    ),
  )

  it(
    "without waiting for a dial that hangs",
    simulated(() =>
      Effect.gen(function* () {
        const { close, upstream } = yield* started()
        upstream.reply = () => ({ _tag: "Silence" })
        yield* Effect.sleep("1 second")
        yield* close
        assert.deepStrictEqual(upstream.open, [])
      }),
    ),
  )
})
