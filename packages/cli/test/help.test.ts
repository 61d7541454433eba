import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Program from "./program.ts"
import { programs } from "../src/Settings.ts"

describe("help", () => {
  it.live("of everything lists the commands and shows examples", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* Program.ran(["--help"])
      assert.deepStrictEqual([code, stderr], [0, ""])
      for (const word of [
        "proxy",
        "up",
        "status",
        "check-config",
        "EXAMPLES",
        "holdfast proxy --upstream ws://127.0.0.1:9000",
      ]) {
        assert.include(stdout, word)
      }
      assert.notInclude(stdout, "\u001b")
    }),
  )

  it.live("of a program shows each flag with its default, and examples", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* Program.ran(["proxy", "--help"])
      assert.deepStrictEqual([code, stderr], [0, ""])
      for (const { default: standard, description, flag } of programs.proxy) {
        const line = stdout.split("\n").find((line) => line.trim().startsWith(`${flag} `)) ?? ""
        assert.include(line, description)
        if (standard !== "-") assert.include(line, `(default: ${standard})`)
      }
      assert.include(stdout, "EXAMPLES")
    }),
  )

  it.live("has completions for shells", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* Program.ran(["--completions", "bash"])
      assert.strictEqual(code, 0)
      assert.include(stdout, "--upstream")
    }),
  )
})
