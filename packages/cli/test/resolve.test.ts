import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { settingsOf } from "../src/commands/proxy.ts"
import { settingsOf as settingsOfUp } from "../src/commands/up.ts"
import { type Given, resolve } from "../src/internal/resolve.ts"
import { pretend } from "./pretend.ts"

const upstream = "ws://127.0.0.1:9000"

interface Around {
  readonly env?: Readonly<Record<string, string>>
  readonly file?: string
}

const around = ({ env = {}, file }: Around) =>
  pretend({ env, ...(file === undefined ? {} : { files: { "h.yaml": file } }) }).layer

const settings = (given: Given, about: Around = {}) => Effect.provide(settingsOf({ upstream, ...given }), around(about))

const refusal = (given: Given, about: Around = {}) =>
  settings(given, about).pipe(
    Effect.flip,
    Effect.map((error) => error.message),
  )

describe("settings", () => {
  it.effect("are the defaults when nobody sets them", () =>
    Effect.gen(function* () {
      const { sources, values } = yield* settings({})
      assert.deepStrictEqual(values, {
        upstream,
        listen: { host: "127.0.0.1", port: 8080 },
        admin: { host: "127.0.0.1", port: 9464 },
        "admin-token-file": undefined,
        "handshake-timeout": Duration.seconds(10),
        "max-message": 16 * 1024 * 1024,
        http: "refuse",
        "max-sessions": 10_000,
        "max-dials": 64,
        forwarded: true,
        "upstream-ca": undefined,
        "upstream-cert": undefined,
        "tls-cert": undefined,
        "tls-key": undefined,
        "client-ca": undefined,
        "drain-delay": Duration.millis(0),
        "drain-timeout": Duration.seconds(10),
        config: undefined,
        "log-level": "info",
        "log-format": "pretty",
        explain: false,
      })
      assert.deepStrictEqual(sources.listen, { name: undefined, where: "--listen" })
    }),
  )

  it.effect("come from flags, then the environment, then the file, then the defaults", () =>
    Effect.gen(function* () {
      const file = "max-sessions: 1\nmax-dials: 1\nhttp: forward\n"
      const { sources, values } = yield* settings(
        { "max-sessions": "3", config: "h.yaml" },
        { env: { HOLDFAST_MAX_SESSIONS: "2", HOLDFAST_MAX_DIALS: "2" }, file },
      )
      assert.deepStrictEqual(
        [values["max-sessions"], values["max-dials"], values.http, values.forwarded],
        [3, 2, "forward", true],
      )
      assert.deepStrictEqual(
        [sources["max-sessions"].name, sources["max-dials"].name, sources.http.name, sources.forwarded.name],
        ["--max-sessions", "HOLDFAST_MAX_DIALS", "h.yaml", undefined],
      )
    }),
  )

  it.effect("find the file by a variable too, and empty variables are not set", () =>
    Effect.gen(function* () {
      const { values } = yield* settings(
        {},
        { env: { HOLDFAST_CONFIG: "h.yaml", HOLDFAST_MAX_DIALS: "" }, file: "max-dials: 7" },
      )
      assert.strictEqual(values["max-dials"], 7)
    }),
  )

  it.effect("ignore variables that are not theirs", () =>
    Effect.gen(function* () {
      const env = { HOLDFAST_REQUIRE_SERVICES: "1", HOLDFAST_RATE: "5", HOLDFAST_EXPLAIN: "1", HOLDFAST_NONSENSE: "x" }
      assert.strictEqual((yield* settings({}, { env })).values.explain, false)
    }),
  )

  it.effect("must be given when there is no default", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.provide(resolve("proxy", {}), around({})))
      assert.match(error.message, /^--upstream is required: expected a ws:\/\/ or wss:\/\/ URL/)
      const { values } = yield* Effect.provide(resolve("proxy", {}), around({ env: { HOLDFAST_UPSTREAM: upstream } }))
      assert.strictEqual(values.upstream, upstream)
    }),
  )
})

describe("a wrong value", () => {
  it.effect("is named by where it was given, with what was expected", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* refusal({ "max-message": "16 megs" }),
        `--max-message: expected a size such as 64KiB or 16MiB, got "16 megs"`,
      )
      assert.strictEqual(
        yield* refusal({}, { env: { HOLDFAST_MAX_DIALS: "many" } }),
        `HOLDFAST_MAX_DIALS: expected a whole number from 1 to 1000000, got "many"`,
      )
      assert.strictEqual(
        yield* refusal({ config: "h.yaml" }, { file: "drain-delay: 10" }),
        "config h.yaml: drain-delay: expected a duration such as 250ms, 10s, 5m or 1h, at most 24d, got 10",
      )
    }),
  )

  it.effect("may be one that is too small, or a mapping where a text belongs", () =>
    Effect.gen(function* () {
      assert.match(yield* refusal({ "handshake-timeout": "0s" }), /^--handshake-timeout: expected a duration above 0 /)
      assert.match(
        yield* refusal({ config: "h.yaml" }, { file: "listen: { host: a }" }),
        /^config h\.yaml: listen: expected HOST:PORT/,
      )
    }),
  )

  it.effect("shows neither passwords nor queries of a URL", () =>
    Effect.gen(function* () {
      const message = yield* refusal({ upstream: "wss://me:secret@a/b?token=secret" })
      assert.match(message, /got "wss:\/\/\*\*\*@a\/b\?\*\*\*"$/)
    }),
  )
})

describe("a combination that makes no sense", () => {
  it.effect("is TLS with half of it missing", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refusal({ "tls-cert": "c" }), "--tls-cert: needs --tls-key too, its private key")
      assert.strictEqual(
        yield* refusal({ "tls-key": "k" }),
        "--tls-key: needs --tls-cert too, the certificate of the key",
      )
      assert.strictEqual(
        yield* refusal({}, { env: { HOLDFAST_CLIENT_CA: "c" } }),
        "HOLDFAST_CLIENT_CA: needs --tls-cert and --tls-key too",
      )
    }),
  )

  it.effect("is an identity for an upstream without TLS", () =>
    Effect.gen(function* () {
      for (const flag of ["upstream-ca", "upstream-cert"]) {
        assert.strictEqual(
          yield* refusal({ [flag]: "f" }),
          `--${flag}: needs a wss:// upstream, got ws://127.0.0.1:9000`,
        )
      }
    }),
  )

  it.effect("is an admin listener that everybody can reach without a token", () =>
    Effect.gen(function* () {
      const message = "--admin: 0.0.0.0:9464 is not on loopback, so it needs --admin-token-file"
      assert.strictEqual(yield* refusal({ admin: "0.0.0.0:9464" }), message)
      const up = yield* Effect.flip(Effect.provide(settingsOfUp({ admin: "0.0.0.0:9464" }), around({})))
      assert.strictEqual(up.message, message)
      for (const admin of ["127.0.0.2:1", "localhost:1", "[::1]:1", "off"]) yield* settings({ admin })
      yield* settings({ admin: "0.0.0.0:9464", "admin-token-file": "t" })
    }),
  )
})
