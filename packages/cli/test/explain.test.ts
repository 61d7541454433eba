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
A client may vanish for 60 s. Up to 1 MiB or 1,024 messages wait per direction.
Both may be exceeded by one message or one read of 64 KiB. Then nothing is thrown away: who sends that way is not read any more, and feels it; while its client is away the upstream waits until that time is over.
It comes back with the x-connection-id and the x-resume-token of its last 101, as x-reconnect-id and x-resume-token, and with the same Authorization and Origin; then what waited is delivered in order. Whatever is wrong about these is the same 404; more than 10 of them a second from one address, or 50 at once, are 429.
The newest connection of a session wins: the one before is closed with 4409.
Only who vanishes, falls silent or closes with 1001 is waited for; any other goodbye ends the session. The upstream is told the close code of a client that says goodbye, and 1001 when it breaks the protocol, or when nobody came back.
An upstream that vanishes, falls silent or closes with 1001, 1012, 1013 or 1014 is dialled again for 30 s, with pauses of random length, up to 100 ms at first and 5 s at last; then the client gets 1014. That time starts anew after a connection of 5 s. With any other code it ends the session: the client is told that code, or gets 404 when it comes back later.
An upstream that refuses such a dial for good (3xx, 4xx but 408, 425 and 429) is 1008 for the client, one that chooses another subprotocol 1011; Retry-After is honoured.
To the upstream every connection is new: it must know by itself what it had told its client before.
Messages that were sent and not confirmed when a connection was lost are not sent again: each may be lost, none comes twice. They are counted and numbered in a receipt.
Every outage leaves such a receipt, in the log, among the events and with the session.
Exactly-once cannot be promised: a confirmation says that the peer's WebSocket library got a message, never that anybody worked on it.
A crash of this proxy ends its sessions. This one process owns them: another instance answers their resumes with 404.
Who is there and takes nothing of a full buffer for 20 s is closed with 4413, the other side with 1013.
Every 15 s each peer is asked for a sign of life, and any byte is one; without any for 10 s it counts as vanished, unless it is not read.
Pings and other control frames beyond 10 a second, or 50 at once, end a connection with 1008.
Everything held, unsent or unfinished, and what came before its connection was ready, may take 256 MiB. A message held counts with its payload and 512 bytes beside it. The process itself needs memory of its own on top.
From 80 % of that on new clients get 503; when it is full the session that holds most is closed with 1013, one with a missing side first, or where many clients share one, the client that is furthest behind.
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

  const sentences = (given: Given, said: ReadonlyArray<string>, unsaid: ReadonlyArray<string> = []) =>
    Effect.map(promise(given), (text) => {
      for (const sentence of said) assert.include(text, sentence)
      for (const sentence of unsaid) assert.notInclude(text, sentence)
    })

  it.effect("names the source of every limit of a session", () =>
    sentences(
      {
        linger: "5m",
        "upstream-retry-budget": "1m",
        backoff: "1s..1h",
        "buffer-messages": "1",
        "buffer-bytes": "64KiB",
        "stall-timeout": "5s",
        heartbeat: "1s",
        "heartbeat-timeout": "2s",
        memory: "1GiB",
      },
      [
        "A client may vanish for 5 m (from --linger). Up to 64 KiB (from --buffer-bytes) or 1 message (from --buffer-messages) wait",
        "is dialled again for 60 s (from --upstream-retry-budget), with pauses of random length, up to 1 s at first and 1 h at last " +
          "(from --backoff);",
        "takes nothing of a full buffer for 5 s (from --stall-timeout) is closed with 4413, the other side with 1013.",
        "Every 1 s (from --heartbeat) each peer",
        "without any for 2 s (from --heartbeat-timeout) it",
        "may take 1 GiB (from --memory).",
      ],
    ),
  )

  it.effect("says what becomes of uncertain messages, by policy", () =>
    Effect.all([
      sentences({ uncertain: "replay" }, ["are sent again to who comes next (from --uncertain): each may come twice."]),
      sentences({ uncertain: "fail" }, ["end the session with 1011 (from --uncertain): each may be lost."]),
      sentences({ uncertain: "fail", mode: "receiver" }, ["end the connections of the clients with 1011"]),
    ]),
  )

  it.effect("with a gate says when the client's messages go through", () =>
    sentences({ "upstream-handshake": "first-message", "gate-timeout": "3s" }, [
      "lets those of its client through (from --upstream-handshake); when there is none in 3 s (from --gate-timeout) the client gets 1014.",
      "sent first to an upstream that is dialled again, with x-reconnect: true;",
    ]),
  )

  it.effect("of a sender gives its clients no way back, and can hand losses on", () =>
    sentences(
      { mode: "sender", "on-upstream-loss": "close" },
      [
        "A client that vanishes cannot come back (from --mode): its upstream is told 1001.",
        "An upstream that ends, ends its session at once (from --on-upstream-loss):",
      ],
      ["x-resume-token", "dialled again", "may vanish"],
    ),
  )

  it.effect("of a receiver keeps its upstream", () =>
    Effect.all([
      sentences(
        { mode: "receiver" },
        [
          "all over one connection (from --mode).",
          "A client that asks for another path than / or that of the URL gets 404.",
          "Up to 10,000 clients at a time;",
          "with no client there the upstream waits, for ever if it must.",
          "goes once to the first client that comes, live messages go to all;",
          "The upstream is dialled again for ever, however it ended,",
          "is closed with 4413, and the upstream dialled again; the others stay.",
        ],
        ["may vanish", "x-resume-token", "then the client gets 1014"],
      ),
      sentences({ mode: "receiver", "per-connection": true }, [
        "over one connection per x-connection-id (from --per-connection).",
        "The upstream is dialled before the first client of an id gets its answer.",
        "must show its x-resume-token; else it gets 404.",
        "other clients stay, but all get 1013 when it was the upstream.",
      ]),
      sentences({ mode: "receiver", "per-connection": true, "trust-connection-id": true }, [
        "Anybody who knows an x-connection-id may join its upstream (from --trust-connection-id).",
      ]),
    ]),
  )

  it.effect("of compat names its weaknesses", () =>
    sentences(
      { compat: "ws-reconnect-proxy" },
      [
        "A message may be up to 100 MiB (from --compat);",
        "may take 512 MiB (from --compat).",
        "anybody who knows the id of a session can take it over, with x-reconnect-id and no secret.",
        "Payload is read:",
        "A client is waited for whatever its close code;",
      ],
      ["any other goodbye ends the session"],
    ),
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
      assert.include(text, "Each message must come back once and in order;")
      const other = explainUp(yield* settingsOfUp({ chaos: true }))
      assert.include(other, "It runs until SIGINT or SIGTERM.")
      assert.include(other, "Every 2 to 5 s the upstream is killed without a goodbye (from --chaos),")
      assert.include(other, "What is missing beside these is lost.")
      assert.notInclude(other, "Each message must come back")
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
