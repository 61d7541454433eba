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
        mode: "session",
        admin: { host: "127.0.0.1", port: 9464 },
        "admin-token-file": undefined,
        "handshake-timeout": Duration.seconds(10),
        linger: Duration.seconds(60),
        "on-upstream-loss": "reconnect",
        "upstream-retry-budget": Duration.seconds(30),
        backoff: { min: Duration.millis(100), max: Duration.seconds(5) },
        uncertain: "drop",
        "upstream-handshake": "none",
        "gate-timeout": Duration.seconds(10),
        "buffer-messages": 1024,
        "buffer-bytes": 1024 * 1024,
        "stall-timeout": Duration.seconds(20),
        heartbeat: Duration.seconds(15),
        "heartbeat-timeout": Duration.seconds(10),
        "max-message": 16 * 1024 * 1024,
        memory: 256 * 1024 * 1024,
        "per-connection": false,
        "trust-connection-id": false,
        http: "refuse",
        "max-sessions": 10_000,
        "max-dials": 64,
        forwarded: true,
        compat: "off",
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

  it.effect("may be switches, which stand alone on the command line and are on or off elsewhere", () =>
    Effect.gen(function* () {
      const both = (given: Given, about?: Around) =>
        Effect.map(settings({ mode: "receiver", ...given }, about), ({ values }) => values["per-connection"])
      assert.isTrue(yield* both({ "per-connection": true }))
      assert.isTrue(yield* both({}, { env: { HOLDFAST_PER_CONNECTION: "on" } }))
      assert.isFalse(yield* both({ "per-connection": false }, { env: { HOLDFAST_PER_CONNECTION: "on" } }))
      assert.isTrue(yield* both({ config: "h.yaml" }, { file: "per-connection: true" }))
      assert.isTrue(yield* both({ config: "h.yaml" }, { file: "per-connection: on" }))
      assert.strictEqual(
        yield* refusal({}, { env: { HOLDFAST_PER_CONNECTION: "1" } }),
        `HOLDFAST_PER_CONNECTION: expected on or off, got "1"`,
      )
    }),
  )

  it.effect("have other defaults under --compat, where nobody says otherwise", () =>
    Effect.gen(function* () {
      const compat = "ws-reconnect-proxy"
      const sizes = (given: Given, about?: Around) =>
        Effect.map(settings(given, about), ({ sources, values }) => [
          values["max-message"] / 1024 ** 2,
          values.memory / 1024 ** 2,
          sources["max-message"].name,
        ])
      assert.deepStrictEqual(yield* sizes({ compat }), [100, 512, "--compat"])
      assert.deepStrictEqual(yield* sizes({}, { env: { HOLDFAST_COMPAT: compat } }), [100, 512, "--compat"])
      assert.deepStrictEqual(yield* sizes({ compat, "max-message": "1MiB", memory: "4MiB" }), [1, 4, "--max-message"])
      assert.deepStrictEqual(yield* sizes({ compat: "off" }), [16, 256, undefined])
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

  it.effect("is a setting of another mode", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refusal({ mode: "sender", linger: "5s" }), "--linger: needs --mode session, got sender")
      assert.strictEqual(
        yield* refusal({ mode: "receiver" }, { env: { HOLDFAST_LINGER: "5s" } }),
        "HOLDFAST_LINGER: needs --mode session, got receiver",
      )
      assert.strictEqual(
        yield* refusal({ "per-connection": true }),
        "--per-connection: needs --mode receiver, got session",
      )
      assert.strictEqual(
        yield* refusal({ mode: "receiver", "trust-connection-id": true }),
        "--trust-connection-id: needs --per-connection too",
      )
      const forEver = "needs --per-connection too, because a shared upstream is dialled for ever"
      assert.strictEqual(
        yield* refusal({ mode: "receiver", "on-upstream-loss": "close" }),
        `--on-upstream-loss: ${forEver}`,
      )
      assert.strictEqual(
        yield* refusal({ mode: "receiver", "upstream-retry-budget": "1s" }),
        `--upstream-retry-budget: ${forEver}`,
      )
      yield* settings({ mode: "receiver", "per-connection": true, "trust-connection-id": true })
    }),
  )

  it.effect("is a setting of something that is off", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* refusal({ "gate-timeout": "1s" }),
        "--gate-timeout: needs --upstream-handshake first-message, got none",
      )
      yield* settings({ "gate-timeout": "1s", "upstream-handshake": "first-message" })
      yield* settings({ "gate-timeout": "1s", compat: "ws-reconnect-proxy" })
      for (const [flag, value] of [
        ["upstream-retry-budget", "1s"],
        ["backoff", "1s..2s"],
      ] as const) {
        assert.strictEqual(
          yield* refusal({ [flag]: value, "on-upstream-loss": "close" }),
          `--${flag}: needs --on-upstream-loss reconnect, got close`,
        )
      }
    }),
  )

  it.effect("is a memory in which four messages have no room", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* refusal({ "max-message": "100MiB" }),
        "--max-message: expected at most 64MiB, a quarter of --memory, got 100MiB",
      )
      assert.strictEqual(
        yield* refusal({ memory: "32MiB" }),
        "--memory: expected at least 64MiB, four times --max-message, got 32MiB",
      )
      const compat = "ws-reconnect-proxy"
      assert.strictEqual(
        yield* refusal({ compat, memory: "256MiB" }),
        "--memory: expected at least 400MiB, four times --max-message, got 256MiB",
      )
      assert.strictEqual(
        yield* refusal({ compat, "max-message": "129MiB" }),
        "--max-message: expected at most 128MiB, a quarter of --memory, got 129MiB",
      )
      yield* settings({ "max-message": "64MiB" })
    }),
  )

  it.effect("is a token for an admin listener that is off", () =>
    Effect.gen(function* () {
      const message = "--admin-token-file: needs --admin HOST:PORT, got off"
      const given = { admin: "off", "admin-token-file": "t" }
      assert.strictEqual(yield* refusal(given), message)
      const up = yield* Effect.flip(Effect.provide(settingsOfUp(given), around({})))
      assert.strictEqual(up.message, message)
      assert.strictEqual(
        yield* refusal({ admin: "off" }, { env: { HOLDFAST_ADMIN_TOKEN_FILE: "t" } }),
        "HOLDFAST_ADMIN_TOKEN_FILE: needs --admin HOST:PORT, got off",
      )
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
