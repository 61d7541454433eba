import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { settingsOf } from "../src/commands/proxy.ts"
import { settingsOf as settingsOfUp } from "../src/commands/up.ts"
import { explainProxy, explainStatus, explainUp } from "../src/internal/explain.ts"
import { type Given, resolve } from "../src/internal/resolve.ts"
import { pretend } from "./pretend.ts"

const upstream = "ws://127.0.0.1:9000"

const promise = (given: Given, env: Readonly<Record<string, string>> = { HOLDFAST_UPSTREAM: upstream }) =>
  settingsOf(given).pipe(Effect.map(explainProxy), Effect.provide(pretend({ env }).layer))

describe("the effective promise", () => {
  it.effect("of the defaults says everything a default promises", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* promise({}),
        `Clients of ws://127.0.0.1:8080 are joined to ws://127.0.0.1:9000 (from HOLDFAST_UPSTREAM), each over a connection of its own.
Their connections are not encrypted.
A client chooses path and query below the upstream's URL, never its host.
The upstream is dialled before a client gets its answer. It has 10 s, then the client gets 504; one that cannot be reached is 502, and its own answer passes as it is.
Up to 64 upstreams are dialled at a time; the others wait their turn within that same time, then they get 504 or 503.
Up to 10,000 sessions at a time; beyond that 503 with Retry-After.
A message may be up to 16 MiB; a larger one ends its connection with 1009.
When one side is slow, the other is not read meanwhile.
Every client may make it hold one unfinished message: at worst 156 GiB in all.
When one side says goodbye, the other is told the same close code. A client that vanishes or breaks the protocol is 1001 for the upstream, an upstream that vanishes 1014 for the client.
Nothing is kept for a client that comes back: a session ends with the first of its two connections.
Plain HTTP gets 426.
The upstream learns of the client in x-forwarded-for, -proto and -host.
Metrics, health and API are on http://127.0.0.1:9464, or on a free port when that one is taken, for this machine only.
On SIGTERM or SIGINT /readyz turns 503; nobody new is let in, sessions are closed with 1012, spread over 5 s, and what is left after 10 s is cut. The exit code is 0. A second signal ends everything at once with 1.
The log goes to stderr as lines for people, info and worse.
`,
      )
    }),
  )

  it.effect("names the source of what is not a default", () =>
    Effect.gen(function* () {
      const text = yield* promise(
        { "max-message": "1MiB" },
        { HOLDFAST_UPSTREAM: upstream, HOLDFAST_MAX_SESSIONS: "20000" },
      )
      assert.include(text, "up to 1 MiB (from --max-message);")
      assert.include(text, "Up to 20,000 sessions at a time (from HOLDFAST_MAX_SESSIONS);")
    }),
  )

  it.effect("with TLS, forwarding and a drain says so, and shows no query of the upstream", () =>
    Effect.gen(function* () {
      const text = yield* promise({
        upstream: "wss://feed.example/v1?key=secret",
        "tls-cert": "cert.pem",
        "tls-key": "key.pem",
        "client-ca": "clients.pem",
        "upstream-ca": "ca.pem",
        "upstream-cert": "me.pem",
        http: "forward",
        forwarded: "off",
        admin: "0.0.0.0:9464",
        "admin-token-file": "token",
        "drain-delay": "5s",
        "max-dials": "1",
        "log-format": "json",
        "log-level": "warning",
      })
      assert.notInclude(text, "secret")
      for (const sentence of [
        "Clients of wss://127.0.0.1:8080 are joined to wss://feed.example/v1 (from --upstream),",
        "They see the certificate in cert.pem (from --tls-cert), which is read again on SIGHUP.",
        "They must show a certificate of an authority in clients.pem (from --client-ca).",
        "It must show a certificate of an authority in ca.pem (from --upstream-ca).",
        "It is shown the certificate in me.pem (from --upstream-cert).",
        "Up to 1 upstream is dialled at a time (from --max-dials);",
        "Plain HTTP goes on to the upstream's origin (from --http); when that is away it gets 502, when it is silent for a minute 504.",
        "The upstream is not told who the client is (from --forwarded).",
        "Metrics, health and API are on https://0.0.0.0:9464 (from --admin).",
        "All but /livez and /readyz need the token in token (from --admin-token-file).",
        "/readyz turns 503; clients are served for 5 s more (from --drain-delay); nobody new is let in,",
        "The log goes to stderr as one JSON object per line (from --log-format), warning and worse (from --log-level).",
      ]) {
        assert.include(text, sentence)
      }
    }),
  )

  it.effect("without an admin listener mentions no health", () =>
    Effect.gen(function* () {
      const text = yield* promise({ admin: "off", "log-level": "none", listen: "127.0.0.1:0" })
      assert.include(text, "There are no metrics, no health and no API (from --admin).")
      assert.include(text, "Nothing is logged (from --log-level).")
      assert.include(text, "Clients of ws://127.0.0.1 on a free port (from --listen)")
      assert.notInclude(text, "/readyz")
    }),
  )

  it.effect("of `up` says what runs, how fast and how long", () =>
    Effect.gen(function* () {
      const text = explainUp(yield* settingsOfUp({ rate: "500", for: "2s" }))
      assert.include(text, "sends 500 numbered messages a second (from --rate)")
      assert.include(text, "It stops by itself after 2 s (from --for).")
      assert.include(explainUp(yield* settingsOfUp({})), "It runs until SIGINT or SIGTERM.")
    }).pipe(Effect.provide(pretend().layer)),
  )

  it.effect("of `status` says whom it asks", () =>
    Effect.gen(function* () {
      const text = explainStatus(yield* resolve("status", { admin: "10.0.0.5:9464", "token-file": "t" }))
      assert.include(text, "Asks http://10.0.0.5:9464 (from --admin)")
      assert.include(text, "It shows the token in t (from --token-file).")
    }).pipe(Effect.provide(pretend().layer)),
  )
})
