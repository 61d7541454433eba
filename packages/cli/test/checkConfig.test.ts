import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Program from "./program.ts"

const check = (text: string, program = "proxy") =>
  Effect.gen(function* () {
    const file = join(yield* Program.folder, "h.yaml")
    writeFileSync(file, text)
    return { file, ...(yield* Program.ran(["check-config", program, "--config", file])) }
  })

describe("holdfast check-config", () => {
  it.live("prints what a good file promises, and exits with 0", () =>
    Effect.gen(function* () {
      const { code, file, stderr, stdout } = yield* check("upstream: ws://127.0.0.1:9000\nmax-sessions: 20000\n")
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.include(stdout, `Up to 20,000 sessions at a time (from ${file}); beyond that 503 with Retry-After.\n`)
    }),
  )

  it.live("names the first thing that is wrong in one line, and exits with 2", () =>
    Effect.gen(function* () {
      for (const [text, why] of [
        [
          "upstream: ws://a\nlisten: 8080\n",
          "listen: expected HOST:PORT such as 127.0.0.1:8080; port 0 takes a free one, got 8080",
        ],
        ["upstream: ws://a\nlisten: [\n", /^line 3: /],
        ["upstream: ws://a\nmax-mesage: 1MiB\n", `unknown key "max-mesage"; did you mean "max-message"?`],
      ] as const) {
        const { code, file, stderr, stdout } = yield* check(text)
        assert.deepStrictEqual([code, stdout], [2, ""])
        const prefix = `holdfast: config ${file}: `
        assert.isTrue(stderr.startsWith(prefix) && stderr.endsWith("\n"), stderr)
        const rest = stderr.slice(prefix.length).trimEnd()
        if (typeof why === "string") assert.strictEqual(rest, why)
        else assert.match(rest, why)
      }
    }),
  )

  it.live("checks the part of one program of a shared file", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* check("proxy: { upstream: ws://a }\nup: { rate: 7 }\n", "up")
      assert.strictEqual(code, 0)
      assert.include(stdout, "sends 7 numbered messages a second")
    }),
  )
})
