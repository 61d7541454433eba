import { assert, describe, it } from "@effect/vitest"
import { Entropy, Telemetry } from "@holdfast/core"
import { Context, type Types } from "effect"
import * as References from "../src/internal/references.ts"

describe("references of core that are declared again", () => {
  it("have the same keys", () => {
    assert.strictEqual(References.Entropy.key, Entropy.Entropy.key)
    assert.strictEqual(References.Telemetry.key, Telemetry.Telemetry.key)
  })

  it("have the same shapes", () => {
    const entropy: Types.Equals<
      Context.Service.Shape<typeof References.Entropy>,
      Context.Service.Shape<typeof Entropy.Entropy>
    > = true
    const telemetry: Types.Equals<References.Registry<Telemetry.Probe>, Telemetry.Registry> = true
    assert.isTrue(entropy && telemetry)
  })

  it("are empty outside of a run", () => {
    assert.deepStrictEqual(Context.get(Context.empty(), References.Entropy).bytes(3), new Uint8Array(0))
    assert.deepStrictEqual([...Context.get(Context.empty(), References.Telemetry).probes()], [])
  })

  it("a list behaves as core's does", () => {
    for (const registry of [References.registry<Telemetry.Probe>(), Telemetry.make()]) {
      const probe: Telemetry.Probe = { row: () => ({ _tag: "Check", name: "one", ok: true, why: "" }) }
      const remove = registry.add(probe)
      assert.deepStrictEqual([...registry.probes()], [probe])
      remove()
      remove()
      assert.deepStrictEqual([...registry.probes()], [])
    }
  })
})
