/**
 * A link over a network that plans disturb: not how it answers each outcome of a dial, which `Link.property.test.ts` knows better, but
 * that real connections, which die in all the ways there are, come back as promised.
 */
import { assert, describe } from "@effect/vitest"
import { Backoff, Link } from "@holdfast/core"
import { Check, History, Sim, VirtualNetwork } from "@holdfast/testing"
import { it } from "@holdfast/testing/Vitest"
import { Cause, Clock, Effect, Latch } from "effect"
import { times } from "./simulated.ts"

const backoff = Backoff.grpc({ baseDelay: "500 millis", multiplier: 1.6, jitter: 0.2, maxDelay: "4 seconds" })
const stableAfter = "2 seconds"

/** A server that says something every second, and for clients that believe it is gone after three. */
const program = Effect.gen(function* () {
  const network = yield* VirtualNetwork.VirtualNetwork
  yield* network.host("server").onSocket(7, (socket) =>
    Effect.gen(function* () {
      const { pull } = yield* socket.reader
      const { write } = yield* socket.writer
      yield* Effect.forever(Effect.andThen(write("beat"), Effect.sleep("1 second"))).pipe(
        Effect.raceFirst(Effect.forever(pull)),
      )
    }),
  )
  const client = network.host("client")
  let heard = 0
  const beat = Effect.map(Clock.currentTimeMillis, (now) => void (heard = now))
  const connect = Effect.gen(function* () {
    const { pull } = yield* client.socket("server:7").reader
    yield* Effect.andThen(pull, beat) // Ready is who has said something
    const gone = yield* Latch.make()
    const listen = Effect.forever(Effect.andThen(Effect.timeout(pull, "3 seconds"), beat))
    yield* Effect.forkScoped(Effect.ensuring(Effect.ignore(listen), gone.open))
    return gone
  })
  const link = yield* Link.make({
    target: "server",
    connect,
    lost: Link.lostEffect((gone) => Effect.as(gone.await, "silent")),
    backoff,
    stableAfter,
    connectTimeout: "3 seconds",
    eager: true,
  })
  const watch = Effect.gen(function* () {
    const pull = yield* link.subscribe
    while (true) {
      for (const state of yield* pull)
        yield* History.state("link", "server", typeof state === "string" ? state : state.now)
    }
  })
  yield* Effect.forkScoped(Effect.catchIf(Effect.scoped(watch), Cause.isDone, () => Effect.void))
  yield* Sim.healed
  yield* Effect.sleep("20 seconds")
  assert.isAtMost((yield* Clock.currentTimeMillis) - heard, 3000)
})

describe("a link over a network", () => {
  it.sim(
    "dials one at a time, never faster than its backoff, and soon after the heal it hears its peer again",
    {
      faults: { on: ["client-server", "server"], within: "20 seconds" },
      check: [
        Check.oneDial,
        Check.legalStates,
        Check.backoff(backoff, { stableAfter }),
        Check.recovers({ within: "12 seconds" }),
        Check.sometimes("it was lost and came back", (rows) => rows.filter(({ op }) => op === "dial").length > 3),
      ],
      runs: 300 * times,
      seed: 1,
      atMost: "2 minutes",
    },
    () => program,
  )
})
