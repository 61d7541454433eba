import { assert, describe, it } from "@effect/vitest"
import { type Acceptor, Proxy } from "@holdfast/websocket"
import { Deferred, Effect, Fiber, Logger, Queue } from "effect"
import * as Pages from "./kit/pages.ts"
import { connect, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"

// Everything that is logged, as text.
const logged = Effect.sync(() => {
  const lines: Array<string> = []
  const logger = Logger.make(({ cause, message }) => void lines.push(`${message} ${cause}`))
  return { lines, layer: Logger.layer([logger]) }
})

// A proxy whose program asks this before it dials.
const asking = Effect.fnUntraced(function* (
  authorize: (client: Acceptor.Incoming) => Effect.Effect<string, Proxy.Rejected>,
  options: Partial<Proxy.Options> = {},
) {
  const up = yield* Raw.listen
  const { layer, lines } = yield* logged
  const proxy = yield* proxied({ upstream: up.url, authorize, ...options }).pipe(Effect.provide(layer))
  return { up, proxy, lines }
})

describe("a client that authorize", () => {
  it.live("rejects gets the status and the words it was given, and the upstream does not hear of it", () =>
    Effect.gen(function* () {
      const { lines, proxy, up } = yield* asking(() =>
        Effect.fail(new Proxy.Rejected({ status: 403, why: "not today" })),
      )
      const { body, status } = yield* Effect.flip(connect(proxy.url))
      assert.deepStrictEqual([status, body, up.count()], [403, "not today\n", 0])
      assert.deepStrictEqual(lines, [])
    }),
  )

  it.live("rejects with 503 is told when to come back", () =>
    Effect.gen(function* () {
      const { proxy } = yield* asking(() => Effect.fail(new Proxy.Rejected({ status: 503, why: "later" })))
      const { headers, status } = yield* Effect.flip(connect(proxy.url))
      assert.deepStrictEqual([status, headers["retry-after"]], [503, "1"])
    }),
  )

  it.live("accepts was seen with its path, headers and address", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const seen = yield* Deferred.make<object>()
      const proxy = yield* proxied({
        upstream: up.url,
        authorize: ({ headers, path, remote, secure }) =>
          Deferred.succeed(seen, { path, remote, secure, cookie: headers["cookie"] }).pipe(Effect.as("somebody")),
      })
      yield* connect(`${proxy.url}/room?id=1`, [], { headers: { Cookie: "a=1" } })
      assert.deepStrictEqual(yield* Deferred.await(seen), {
        path: "/room?id=1",
        remote: "127.0.0.1",
        secure: false,
        cookie: "a=1",
      })
    }),
  )

  for (const [how, authorize] of [
    ["dies on", () => Effect.die(new Error("a bug in the hook"))],
    [
      "throws on",
      () => {
        throw new Error("a bug in the hook")
      },
    ],
  ] as const) {
    it.live(`${how} is told 500 and nothing more, over plain HTTP too, and the bug is logged`, () =>
      Effect.gen(function* () {
        const { lines, proxy, up } = yield* asking(authorize, { maxSessions: 1, http: "forward" })
        const { body, status } = yield* Effect.flip(connect(proxy.url))
        assert.deepStrictEqual([status, body], [500, "internal error\n"])
        assert.strictEqual(lines.length, 1)
        assert.include(lines[0], "a bug in the hook")
        const page = yield* Pages.get(proxy.address)
        assert.deepStrictEqual([page.status, page.body.toString(), lines.length], [500, "internal error\n", 2])
        // Its place is free again.
        assert.strictEqual((yield* Effect.flip(connect(proxy.url))).status, 500)
        assert.strictEqual(up.count(), 0)
      }),
    )
  }

  it.live("rejects with a status that is none is told 500, and the bug is logged", () =>
    Effect.gen(function* () {
      const { lines, proxy } = yield* asking(() => Effect.fail(new Proxy.Rejected({ status: 42, why: "?" })))
      assert.strictEqual((yield* Effect.flip(connect(proxy.url))).status, 500)
      assert.strictEqual(lines.length, 1)
    }),
  )

  it.live("is still thinking about is forgotten when it leaves, and told 503 when the proxy does", () =>
    Effect.gen(function* () {
      const begun = yield* Queue.unbounded<void>()
      const stopped = yield* Deferred.make<void>()
      const think = Queue.offer(begun, undefined).pipe(
        Effect.andThen(Effect.never),
        Effect.onInterrupt(() => Deferred.succeed(stopped, undefined)),
      )
      const { lines, proxy } = yield* asking(() => think, { maxSessions: 1 })
      const client = yield* Raw.dial(proxy.address)
      client.write(Raw.upgradeRequest())
      yield* Queue.take(begun)
      assert.strictEqual((yield* Effect.flip(connect(proxy.url))).status, 503)
      client.reset()
      yield* Deferred.await(stopped)

      const next = yield* Effect.forkChild(Effect.flip(connect(proxy.url)))
      yield* Queue.take(begun)
      yield* proxy.close
      assert.strictEqual((yield* Fiber.join(next)).status, 503)
      assert.deepStrictEqual(lines, [])
    }),
  )
})
