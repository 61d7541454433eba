import { assert, describe, it } from "@effect/vitest"
import { Backoff, Link } from "@holdfast/core"
import { Sim, VirtualNetwork } from "@holdfast/testing"
import { Clock, Effect, Exit } from "effect"

describe("when the system's clock is set, a link", () => {
  for (const by of ["1h", "-1h"] as const) {
    it(`dials again after the backoff all the same: ${by.startsWith("-") ? "back" : "forwards"}`, () => {
      const program = Effect.gen(function* () {
        const network = yield* VirtualNetwork.VirtualNetwork
        const dials: Array<readonly [monotonic: number, wall: number]> = []
        const link = Link.make({
          target: "t",
          connect: Effect.gen(function* () {
            dials.push([Number(yield* Clock.monotonicTimeNanos) / 1e6, yield* Clock.currentTimeMillis])
            yield* Effect.sleep(100)
            return yield* Effect.fail("away")
          }),
          backoff: Backoff.grpc({ baseDelay: "1 second", jitter: 0 }),
          eager: true,
        })
        const { state } = yield* network.host("client").run(link)
        yield* Effect.sleep(1099)
        const before = dials.length
        yield* Effect.sleep(2)
        return { before, dials, state: state() }
      })
      const jump = by === "1h" ? 3_600_000 : -3_600_000
      // While the attempt is under way.
      const plan = {
        seed: 0,
        faults: [{ at: "50ms", on: "client", fault: { _tag: "clockJump", by } }],
        healAt: "1m",
      } as const
      const dials = [
        [0, 0],
        [1000, 1000 + jump],
      ] as const
      const expected = { before: 2, dials, state: "TransientFailure" } as const
      assert.deepStrictEqual<unknown>(Sim.run(program, { plan }).exit, Exit.succeed(expected))
    })
  }
})
