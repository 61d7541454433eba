/**
 * The API of Toxiproxy, asked by a client that was written for it, and by hand where that client does not show what it got.
 */
import { assert, describe, it } from "@effect/vitest"
import * as FaultProxy from "@holdfast/testing/FaultProxy"
import { Effect } from "effect"
import { createServer, type AddressInfo, connect } from "node:net"
import { Toxiproxy as Client, type ICreateToxicBody, type Latency } from "toxiproxy-node-client"
import { listenPlain } from "../src/internal/adminServer.ts"
import * as Toxiproxy from "../src/internal/toxiproxy.ts"
import * as ToxiproxyRoutes from "../src/internal/toxiproxyRoutes.ts"

const upstream = Effect.gen(function* () {
  const server = createServer((socket) => socket.on("error", () => {}).pipe(socket))
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.sync(() => server.close()),
  )
  return `127.0.0.1:${(server.address() as AddressInfo).port}` // it listens on TCP
})

/** The API in front of an echo server, with one proxy of the command line. */
const api = Effect.gen(function* () {
  const server = yield* upstream
  const proxy = yield* FaultProxy.make({ upstream: server })
  const toxiproxy = yield* Toxiproxy.make({ first: { name: "chaos", proxy, upstream: server }, anywhere: false })
  const url = yield* listenPlain({ host: "127.0.0.1", port: 0 }, ToxiproxyRoutes.layer(toxiproxy, "1.2.3"))
  const client = new Client(url)
  return { url, client, proxy, upstream: server }
})

const ask = (url: string, method = "GET", body?: unknown, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body)
    const answer = await fetch(url, { method, headers, ...(text === undefined ? {} : { body: text }) })
    const got = await answer.text()
    return [answer.status, got.startsWith("{") || got.startsWith("[") ? JSON.parse(got) : got] as const
  })

/** What becomes of a connection that says something: the echo with the milliseconds it took, or how it ended. */
const echo = (address: string) =>
  Effect.callback<string | number>((resume) => {
    const [host, port] = address.split(":")
    const from = performance.now()
    const socket = connect(Number(port), host)
    socket.once("data", () => {
      resume(Effect.succeed(performance.now() - from))
      socket.destroy()
    })
    socket.once("end", () => resume(Effect.succeed("end")))
    socket.once("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code ?? "?")))
    socket.write("hello")
  })

const latency: ICreateToxicBody<Latency> = {
  name: "far",
  type: "latency",
  stream: "downstream",
  toxicity: 1,
  attributes: { latency: 80, jitter: 0 },
}

const fast = (time: string | number) => assert.isTrue(typeof time === "number" && time < 60, `${time}`)
const slow = (time: string | number) => assert.isTrue(typeof time === "number" && time >= 79, `${time}`)

describe("a client of Toxiproxy", () => {
  it.live("makes a proxy, puts a toxic on it, changes it, and takes it off", () =>
    Effect.gen(function* () {
      const { client, upstream } = yield* api
      const made = yield* Effect.promise(() => client.createProxy({ name: "db", listen: "127.0.0.1:0", upstream }))
      assert.match(made.listen, /^127\.0\.0\.1:[1-9]\d*$/)
      fast(yield* echo(made.listen))
      const toxic = yield* Effect.promise(() => made.addToxic(latency))
      assert.deepStrictEqual(toxic.toJson(), latency)
      slow(yield* echo(made.listen))
      const attributes = { latency: 0, jitter: 0 }
      const changed = yield* Effect.promise(() => toxic.update({ ...latency, attributes }))
      assert.deepStrictEqual(changed.toJson(), { ...latency, attributes })
      fast(yield* echo(made.listen))
      const found = yield* Effect.promise(() => made.getToxic<Latency>("far"))
      assert.deepStrictEqual(found.toJson(), { ...latency, attributes })
      yield* Effect.promise(() => found.remove())
      const all = yield* Effect.promise(() => client.getAll())
      assert.deepStrictEqual(Object.keys(all), ["chaos", "db"])
      yield* Effect.promise(() => made.remove())
      assert.strictEqual(yield* echo(made.listen), "ECONNREFUSED")
    }),
  )

  it.live("disables a proxy, which refuses and hangs up, and enables it where it was", () =>
    Effect.gen(function* () {
      const { client } = yield* api
      const chaos = yield* Effect.promise(() => client.get("chaos"))
      const { listen, upstream } = chaos
      const off = yield* Effect.promise(() => chaos.update({ enabled: false, listen, upstream }))
      assert.isFalse(off.enabled)
      assert.strictEqual(yield* echo(listen), "ECONNREFUSED")
      const on = yield* Effect.promise(() => off.update({ enabled: true, listen, upstream }))
      assert.deepStrictEqual([on.enabled, on.listen], [true, listen])
      fast(yield* echo(listen))
    }),
  )

  it.live("moves a proxy, and its toxics with it", () =>
    Effect.gen(function* () {
      const { client, upstream } = yield* api
      const made = yield* Effect.promise(() => client.createProxy({ name: "db", listen: "", upstream: "127.0.0.1:1" }))
      yield* Effect.promise(() => made.addToxic(latency))
      const moved = yield* Effect.promise(() => made.update({ enabled: true, listen: "127.0.0.1:0", upstream }))
      slow(yield* echo(moved.listen))
    }),
  )

  it.live("resets everything", () =>
    Effect.gen(function* () {
      const { client, url } = yield* api
      const chaos = yield* Effect.promise(() => client.get("chaos"))
      const { listen, upstream } = chaos
      yield* Effect.promise(() => chaos.addToxic(latency))
      yield* Effect.promise(() => chaos.update({ enabled: false, listen, upstream }))
      yield* Effect.promise(() => client.reset())
      fast(yield* echo(listen))
      assert.deepStrictEqual(yield* ask(`${url}/proxies/chaos/toxics`), [200, []])
    }),
  )

  it.live("populates: makes what is not there, keeps what is, replaces what is elsewhere", () =>
    Effect.gen(function* () {
      const { client, upstream, url } = yield* api
      const one = { name: "one", listen: "127.0.0.1:0", upstream }
      const first = yield* Effect.promise(() => client.populate([one]))
      yield* Effect.promise(() => first["one"]!.addToxic(latency))
      const again = yield* Effect.promise(() => client.populate([one, { ...one, name: "two" }]))
      assert.deepStrictEqual(again["one"]!.toJson(), first["one"]!.toJson())
      slow(yield* echo(again["one"]!.listen))
      const moved = yield* Effect.promise(() => client.populate([{ ...one, upstream: "127.0.0.1:1" }]))
      assert.strictEqual(moved["one"]!.upstream, "127.0.0.1:1")
      assert.deepStrictEqual(yield* ask(`${url}/proxies/one/toxics`), [200, []])
    }),
  )

  it.live("is told the version", () =>
    Effect.gen(function* () {
      const { client } = yield* api
      assert.strictEqual(yield* Effect.promise(() => client.getVersion()), '{"version":"1.2.3"}')
    }),
  )
})

describe("what Toxiproxy answers", () => {
  const chaos = "/proxies/chaos"
  const zero = { type: "latency", stream: "downstream", toxicity: 1, attributes: { latency: 0, jitter: 0 } }
  for (const [method, path, body, status, answer] of [
    ["GET", "/proxies/none", undefined, 404, "proxy not found"],
    ["DELETE", "/proxies/none", undefined, 404, "proxy not found"],
    ["POST", "/proxies", {}, 400, "missing required field: name"],
    ["POST", "/proxies", { name: "a" }, 400, "missing required field: upstream"],
    ["POST", "/proxies", { name: "chaos", upstream: "127.0.0.1:1" }, 409, "proxy already exists"],
    ["POST", "/proxies", "", 400, "bad request body: EOF"],
    ["POST", "/proxies", "{", 400, "bad request body: it is no JSON"],
    [
      "POST",
      "/proxies",
      " ".repeat(2 ** 20 + 1),
      400,
      "bad request body: it could not be read, or is larger than 1 MiB",
    ],
    ["POST", "/proxies", { name: 1 }, 400, "bad request body: name: expected a string, got 1"],
    ["POST", chaos, { enabled: 1 }, 400, "bad request body: enabled: expected true or false, got 1"],
    ["POST", chaos, { upstream: "127.0.0.1:1" }, 400, "chaos is from the command line and stays where it is"],
    [
      "POST",
      "/proxies",
      { name: "a", upstream: "127.0.0.1:1", listen: "0.0.0.0:0" },
      500,
      'expected a loopback address such as 127.0.0.1:6000, not "0.0.0.0:0"',
    ],
    ["GET", `${chaos}/toxics/none`, undefined, 404, "toxic not found"],
    ["PATCH", `${chaos}/toxics/none`, {}, 404, "toxic not found"],
    ["DELETE", `${chaos}/toxics/none`, undefined, 404, "toxic not found"],
    ["POST", `${chaos}/toxics`, { type: "toString" }, 400, "invalid toxic type"],
    [
      "POST",
      `${chaos}/toxics`,
      { type: "latency", stream: "sideways" },
      400,
      "stream was invalid, can be either upstream or downstream",
    ],
    [
      "POST",
      `${chaos}/toxics`,
      { type: "latency", attributes: { latency: "1s" } },
      400,
      'bad request body: latency: expected a whole number from 0, got "1s"',
    ],
    [
      "POST",
      `${chaos}/toxics`,
      { type: "slicer" },
      400,
      "bad request body: average_size: expected a whole number from 1, got 0",
    ],
    ["POST", `${chaos}/toxics`, { type: "latency" }, 200, { name: "latency_downstream", ...zero }],
    ["POST", "/reset", undefined, 204, ""],
    ["DELETE", chaos, undefined, 204, ""],
  ] as const) {
    const what = `${method} ${path} ${body === undefined ? "" : JSON.stringify(body).slice(0, 80)}`
    it.live(`${status} to ${what}`, () =>
      Effect.gen(function* () {
        const { url } = yield* api
        const expected = status < 400 ? answer : { error: answer, status }
        assert.deepStrictEqual(yield* ask(url + path, method, body), [status, expected])
      }),
    )
  }

  it.live("a toxic that is there already is a conflict; a populate that fails has no proxies", () =>
    Effect.gen(function* () {
      const { url } = yield* api
      assert.strictEqual((yield* ask(`${url}${chaos}/toxics`, "POST", { type: "latency" }))[0], 200)
      assert.deepStrictEqual(yield* ask(`${url}${chaos}/toxics`, "POST", { type: "latency" }), [
        409,
        { error: "toxic already exists", status: 409 },
      ])
      assert.deepStrictEqual(yield* ask(`${url}/populate`, "POST", [{ name: "a", upstream: "b:1" }, {}]), [
        400,
        { error: "missing required field: name at proxy 2", status: 400, proxies: null },
      ])
      assert.deepStrictEqual(Object.keys((yield* ask(`${url}/proxies`))[1]), ["chaos"])
    }),
  )

  it.live("pages of a browser get nothing", () =>
    Effect.gen(function* () {
      const { url } = yield* api
      const mozilla = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64)" }
      assert.deepStrictEqual(yield* ask(`${url}/proxies`, "GET", undefined, mozilla), [403, "User agent not allowed\n"])
    }),
  )
})
