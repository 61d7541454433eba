import { assert, describe, it } from "@effect/vitest"
import { Fault } from "@holdfast/testing"
import { Effect } from "effect"
import { faultOf, read } from "../src/internal/toxics.ts"

describe("a toxic is a fault", () => {
  for (const [type, attributes, stream, fault] of [
    ["latency", { latency: 1000 }, "upstream", "latency:delay=1s,jitter=0ms,dir=up"],
    ["latency", { latency: 1000, jitter: 100 }, "downstream", "latency:delay=900ms,jitter=200ms,dir=down"],
    ["latency", { latency: 10, jitter: 100 }, "downstream", "latency:delay=0ms,jitter=20ms,dir=down"],
    ["bandwidth", { rate: 16 }, "upstream", "bandwidth:bytesPerSec=16000B,dir=up"],
    ["bandwidth", {}, "upstream", "bandwidth:bytesPerSec=0B,dir=up"],
    ["slow_close", { delay: 500 }, "upstream", "slowClose:delay=500ms"],
    ["timeout", { timeout: 0 }, "downstream", "blackhole:dir=down"],
    ["timeout", { timeout: 2000 }, "downstream", "timeoutClose:after=2s"],
    ["reset_peer", {}, "downstream", "reset"],
    ["reset_peer", { timeout: 250 }, "downstream", "reset:after=250ms"],
    [
      "slicer",
      { average_size: 64, size_variation: 32, delay: 10 },
      "downstream",
      "slice:avg=64B,variation=32B,gap=0.01ms,dir=down",
    ],
    ["limit_data", { bytes: 2048 }, "upstream", "cutAt:bytes=2KiB,dir=up"],
  ] as const) {
    it.effect(`${type} ${JSON.stringify(attributes)} ${stream} is ${fault}`, () =>
      Effect.gen(function* () {
        const toxic = yield* read({ type, stream, attributes })
        assert.strictEqual(Fault.format(faultOf(toxic)), fault)
      }),
    )
  }
})
