import { assert, describe, it } from "@effect/vitest"
import { bundle } from "./kit/bundle.ts"

describe("the drop-in class for a page", () => {
  it("weighs at most 32 KiB, Effect included, and carries no Schema, no Stream and no Node", async () => {
    const { code, gzipped, modules } = await bundle()
    // Measured: 32,080 bytes; `bench/websocket/size.ts` says what is in it.
    assert.isAtMost(gzipped, 32 * 1024)
    const heavy = /effect\/dist\/(Schema|Stream|Layer|Metric)|internal\/(wire|frame\w*|handshake|mask)\.ts$/
    assert.deepStrictEqual(
      modules.filter(([path]) => heavy.test(path)),
      [],
    )
    assert.notMatch(code, /\bimport\b\s*[({"]/)
  })
})
