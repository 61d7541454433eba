import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as Logs from "../src/internal/logs.ts"
import { pretend } from "./pretend.ts"

const logged = (options: Partial<Logs.Options>, colors: boolean, log: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const { layer, written } = pretend({ colors })
    const logs = Logs.layer({ "log-level": "info", "log-format": "pretty", ...options })
    yield* Effect.provide(log, Layer.provide(logs, layer))
    return written.err
  })

const words = Effect.annotateLogs(Effect.logWarning("lost", "it"), {
  target: "ws://a",
  why: "gone away",
  key: Redacted.make("k"),
})

describe("the log", () => {
  it.effect("is lines for people, plain where no colours are wanted", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* logged({}, false, words),
        `1970-01-01T00:00:00.000Z WARN  lost it target=ws://a why="gone away" key="<redacted>"\n`,
      )
    }),
  )

  it.effect("has colours where they are wanted", () =>
    Effect.gen(function* () {
      assert.include(yield* logged({}, true, words), "\u001b[33mWARN \u001b[0m lost it")
    }),
  )

  it.effect("is one JSON object per line", () =>
    Effect.gen(function* () {
      const lines = (yield* logged(
        { "log-format": "json" },
        true,
        Effect.andThen(words, Effect.logError("two\nlines")),
      ))
        .trimEnd()
        .split("\n")
      assert.deepStrictEqual(
        lines.map((line) => {
          const { annotations, level, message } = JSON.parse(line)
          return { annotations, level, message }
        }),
        [
          {
            annotations: { target: "ws://a", why: "gone away", key: "<redacted>" },
            level: "WARN",
            message: ["lost", "it"],
          },
          { annotations: {}, level: "ERROR", message: "two\nlines" },
        ],
      )
    }),
  )

  it.effect("leaves out what is less than its level, and everything at none", () =>
    Effect.gen(function* () {
      const all = Effect.all([Effect.logDebug("d"), Effect.logInfo("i"), Effect.logError("e")], { discard: true })
      const levels = ["debug", "info", "error", "none"] as const
      const counts = yield* Effect.forEach(levels, (level) =>
        Effect.map(logged({ "log-level": level }, false, all), (text) => text.split("\n").length - 1),
      )
      assert.deepStrictEqual(counts, [3, 2, 1, 0])
    }),
  )
})
