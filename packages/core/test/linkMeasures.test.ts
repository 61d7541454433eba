import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Metric } from "effect"
import * as LinkMeasures from "../src/internal/linkMeasures.ts"
import * as NoLinkMeasures from "../src/internal/noLinkMeasures.ts"

const states = { Idle: 0, Connecting: 0, Ready: 2, TransientFailure: 1, Shutdown: 0 }
const target = { name: "a", open: 2, states }

/** What a scrape would show now. */
const shown = (context: Context.Context<never>) =>
  Metric.snapshotUnsafe(context).map(({ attributes, id, state }) => [
    id,
    attributes?.["state"],
    "value" in state ? state.value : undefined,
  ])

describe("the numbers of all links to a target", () => {
  it.effect("are in the registry until they are taken out", () =>
    Effect.gen(function* () {
      const context = yield* Effect.context<never>()
      const forget = LinkMeasures.measure(context, target)
      assert.deepStrictEqual(shown(context), [
        ["holdfast_open_connections", undefined, 2],
        ["holdfast_connection_state", "idle", 0],
        ["holdfast_connection_state", "connecting", 0],
        ["holdfast_connection_state", "ready", 2],
        ["holdfast_connection_state", "transient_failure", 1],
        ["holdfast_connection_state", "shutdown", 0],
      ])
      forget()
      assert.deepStrictEqual(shown(context), [])
    }).pipe(
      Effect.provideServiceEffect(
        Metric.MetricRegistry,
        Effect.sync(() => new Map()),
      ),
    ),
  )

  it("are nowhere in browsers", () => assert.isUndefined(NoLinkMeasures.measure()()))
})
