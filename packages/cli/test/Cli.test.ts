import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "../src/Cli.ts"
import { pretend } from "./pretend.ts"

const said = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { layer, written } = pretend()
    const code = yield* Effect.provide(run(args), layer)
    return { code, out: written.out, err: written.err }
  })

const refused = (args: string, err: string) =>
  Effect.map(said(...args.split(" ")), (answer) =>
    assert.deepStrictEqual(answer, { code: 2, out: "", err: `holdfast: ${err}\n` }),
  )

const duration = "a duration such as 250ms, 10s, 5m or 1h, at most 24d"
const upstream = "expected a ws:// or wss:// URL without user name, password and #fragment"

describe("a command line", () => {
  it.effect("says its version", () =>
    Effect.gen(function* () {
      const { code, err, out } = yield* said("--version")
      assert.match(out, /^holdfast \d+\.\d+\.\d+\S*\n$/)
      assert.deepStrictEqual([code, err], [0, ""])
    }),
  )

  it.effect("without a command is a mistake", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* said(), {
        code: 2,
        out: "",
        err: "holdfast: expected a command: proxy, up, chaos, status or check-config; holdfast --help says more\n",
      })
    }),
  )

  for (const [args, line] of [
    ["prxy", `unknown command "prxy"; did you mean "proxy"?`],
    [
      "dance",
      `unknown command "dance"; expected a command: proxy, up, chaos, status or check-config; holdfast --help says more`,
    ],
    ["proxy", `--upstream is required: ${upstream}; HOLDFAST_UPSTREAM and the config file can give it too`],
    ["proxy --upstream http://a", `--upstream: ${upstream}, got "http://a"`],
    ["proxy --lisen a:1", `unknown flag --lisen; did you mean "--listen"?`],
    ["proxy -x", "unknown flag -x"],
    ["proxy --nope", "unknown flag --nope"],
    ["proxy --listen", "--listen: expected HOST:PORT such as 127.0.0.1:8080; port 0 takes a free one, got nothing"],
    [
      "proxy --listen --mode sender",
      "--listen: expected HOST:PORT such as 127.0.0.1:8080; port 0 takes a free one, got nothing",
    ],
    [
      "proxy --linger -5s",
      `--linger: expected ${duration}, got "-5s", which was taken for a flag; such a value is written --linger=-5s`,
    ],
    ["proxy --upstream ws://a --linger=-5s", `--linger: expected ${duration}, got "-5s"`],
    ["proxy --upstream ws://a --linger=", `--linger: expected ${duration}, got nothing`],
    [
      "proxy --upstream -ws://me:secret@a",
      `--upstream: ${upstream}, got "-ws://***@a", which was taken for a flag; such a value is written --upstream=-ws://***@a`,
    ],
    ["up --rate -5", `--rate: expected a whole number from 1 to 10000, got "-5"`],
    ["proxy ws://me:secret@a", `unexpected "ws://***@a"; the values of flags follow their flags`],
    ["proxy --listen a:1 --listen b:2", "--listen: given more than once"],
    ["proxy 8080", `unexpected "8080"; the values of flags follow their flags`],
    [
      "proxy --upstream ws://a --backoff 5s",
      `--backoff: expected two durations above 0 such as 100ms..5s, the shorter one first, got "5s"`,
    ],
    ["proxy --upstream ws://a --per-connection", "--per-connection: needs --mode receiver, got session"],
    ["proxy --upstream ws://a --per-connection on", "--per-connection: needs --mode receiver, got session"],
    ["proxy --upstream ws://a --per-connection=maybe", `--per-connection: expected on or off, got "maybe"`],
    ["proxy --upstream ws://a --mode duplex", `--mode: expected session, sender or receiver, got "duplex"`],
    ["up --rate 0", `--rate: expected a whole number from 1 to 10000, got "0"`],
    [
      "status --admin ftp://a",
      `--admin: expected the URL of an admin listener such as http://127.0.0.1:9464, got "ftp://a"`,
    ],
    [
      "proxy --upstream ws://a --admin off --admin-token-file /none",
      "--admin-token-file: needs --admin HOST:PORT, got off",
    ],
    ["up --admin off --admin-token-file /none", "--admin-token-file: needs --admin HOST:PORT, got off"],
    ["check-config", "expected proxy, up, chaos or status after holdfast check-config"],
    [
      "check-config gateway --config a",
      `expected proxy, up, chaos or status after holdfast check-config, got "gateway"`,
    ],
    ["check-config proxy", "--config is required"],
    [
      "chaos",
      "--upstream is required: expected HOST:PORT such as 127.0.0.1:9000; HOLDFAST_UPSTREAM and the config file can give it too",
    ],
    ["chaos --upstream a:1", "--plan, --fault, --api or --record is required: nothing would ever go wrong"],
    ["chaos --upstream a:0 --fault reset", `--upstream: expected HOST:PORT such as 127.0.0.1:9000, got "a:0"`],
    ["chaos --upstream a:1 --fault reset --plan b", "--fault: needs no --plan beside it, got both"],
    [
      "chaos --upstream a:1 --fault latency",
      "--fault: latency.delay: expected a time such as 250ms, 10s or 5m, which is missing",
    ],
    ["chaos --upstream a:1 --plan /none.json", "--plan: /none.json cannot be read: no such file"],
    [
      "chaos --upstream a:1 --api 0.0.0.0:1",
      "--api: expected a loopback address such as 127.0.0.1:8474, got 0.0.0.0:1: the API asks nobody who they are",
    ],

    ["check-config proxy --config /none.yaml", "config /none.yaml: cannot be read: no such file"],
    ["proxy --upstream ws://a --tls-cert /none.pem --tls-key k", "--tls-cert: cannot read /none.pem: no such file"],
  ] as const) {
    it.effect(`is refused in one line: ${args}`, () => refused(args, line))
  }

  it.effect("may hold anything, and the answer is still one line", () =>
    Effect.gen(function* () {
      const { err } = yield* said("proxy", "--upstream", "ws://a\n\u001b[2J")
      assert.match(err, /^holdfast: --upstream: .*\n$/)
      assert.notInclude(err, "\u001b")
    }),
  )

  it.effect("can ask for a promise instead of a start", () =>
    Effect.gen(function* () {
      const { code, err, out } = yield* said("proxy", "--upstream", "ws://a", "--explain")
      assert.match(out, /^Clients of ws:\/\/127\.0\.0\.1:8080 are joined to ws:\/\/a \(from --upstream\)/)
      assert.deepStrictEqual([code, err], [0, ""])
    }),
  )
})
