import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ConfigFile from "../src/internal/configFile.ts"
import { pretend } from "./pretend.ts"

const entries = (text: string, program: "proxy" | "up" | "status" = "proxy") =>
  Effect.map(ConfigFile.parse("h.yaml", text, program), (file) => file.entries)

const refusal = (text: string, program?: "proxy" | "up" | "status") =>
  Effect.map(Effect.flip(entries(text, program)), (error) => error.message)

describe("a config file", () => {
  it.effect("is YAML", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* entries("upstream: ws://a\nmax-sessions: 5\nforwarded: off\n"), {
        upstream: "ws://a",
        "max-sessions": 5,
        forwarded: "off",
      })
    }),
  )

  it.effect("is JSON, however it is indented", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* entries(`{\n\t"upstream": "ws://a",\n\t"forwarded": false\n}`), {
        upstream: "ws://a",
        forwarded: false,
      })
    }),
  )

  it.effect("may be empty", () => Effect.map(entries("# nothing yet\n"), (found) => assert.deepStrictEqual(found, {})))

  it.effect("of several programs has their settings below their names, which win over the common ones", () =>
    Effect.gen(function* () {
      const shared =
        "admin: 127.0.0.1:1\nproxy:\n  upstream: ws://a\n  admin: off\nup:\n  rate: 5\nstatus:\n  token-file: t\n"
      assert.deepStrictEqual(yield* entries(shared), { admin: "off", upstream: "ws://a" })
      assert.deepStrictEqual(yield* entries(shared, "up"), { admin: "127.0.0.1:1", rate: 5 })
      assert.deepStrictEqual(yield* entries(shared, "status"), { admin: "127.0.0.1:1", "token-file": "t" })
    }),
  )

  it.effect("with an unknown key names the nearest one", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refusal("lisen: a:1"), `config h.yaml: unknown key "lisen"; did you mean "listen"?`)
      assert.strictEqual(
        yield* refusal("proxy: { max-mesage: 1 }"),
        `config h.yaml: unknown key "max-mesage"; did you mean "max-message"?`,
      )
      assert.strictEqual(yield* refusal("colour: red"), `config h.yaml: unknown key "colour"`)
      assert.strictEqual(yield* refusal("nope: 1"), `config h.yaml: unknown key "nope"`)
    }),
  )

  it.effect("with a key of another program says where it belongs", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* refusal("rate: 5"),
        `config h.yaml: unknown key "rate"; up has it, so put it below "up"`,
      )
    }),
  )

  it.effect("cannot name another config file, nor switch the command line's switches", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refusal("config: other.yaml"), `config h.yaml: unknown key "config"`)
      assert.strictEqual(yield* refusal("explain: true"), `config h.yaml: unknown key "explain"`)
    }),
  )

  it.effect("that cannot be parsed is named with its line", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refusal("listen: a:1\nlisten: b:2\n"), "config h.yaml: line 2: Map keys must be unique")
      assert.match(yield* refusal(`{\n"listen": "a:1"\n"http": "refuse" }`), /^config h\.yaml: line 3: /)
      assert.match(yield* refusal("a: *nobody"), /^config h\.yaml: Unresolved alias/)
    }),
  )

  it.effect("is a mapping, and so is the part of a program", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refusal("- listen"), "config h.yaml: expected a mapping of settings at the top")
      assert.strictEqual(yield* refusal("proxy: 5"), "config h.yaml: proxy: expected a mapping of settings")
    }),
  )

  it.effect("that is not there is named", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ConfigFile.read("/etc/none.yaml", "proxy"))
      assert.strictEqual(error.message, "config /etc/none.yaml: cannot be read: no such file")
    }).pipe(Effect.provide(pretend().layer)),
  )
})
