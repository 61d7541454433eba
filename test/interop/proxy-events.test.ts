import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { connect, echo, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"
import { subset } from "./kit/subset.ts"

type Proxied = Effect.Success<ReturnType<typeof proxied>>

// What happened, without its times.
const story = (proxy: Proxied) =>
  proxy.events().map((event) => {
    const { at, tookMillis, upMillis, ...rest } = { tookMillis: 0, upMillis: 0, ...event }
    assert.isTrue(at > 1.7e12 && tookMillis >= 0 && upMillis >= 0)
    return rest
  })

const about = (target: string) => ({ program: "proxy", target })

describe("the events", () => {
  it.live("of a session are its dial and its loss", () =>
    Effect.gen(function* () {
      const up = yield* echo
      const proxy = yield* proxied({ upstream: `${up.url}/base?secret=1` })
      const client = yield* connect(proxy.url)
      client.ws.close(4001, "bye")
      yield* proxy.event("Lost")
      const target = `${up.url}/base`
      subset(story(proxy), [
        { _tag: "Connecting", ...about(target), attempt: 1 },
        { _tag: "Connected", ...about(target), attempt: 1 },
        { _tag: "Lost", ...about(target), reason: "local", why: "client ended: 4001 bye" },
      ])
      assert.notInclude(JSON.stringify(proxy.events()), "secret")
    }),
  )

  for (const [how, reason, why, leave] of [
    [
      "says goodbye",
      "close_4xxx",
      "4002 enough",
      (ws: { close: (...it: [number, string]) => void }) => ws.close(4002, "enough"),
    ],
    [
      "goes away",
      "goaway",
      "1001 later",
      (ws: { close: (...it: [number, string]) => void }) => ws.close(1001, "later"),
    ],
    ["vanishes", "reset", "1006", (ws: { terminate: () => void }) => ws.terminate()],
  ] as const) {
    it.live(`say so when the upstream ${how}`, () =>
      Effect.gen(function* () {
        const up = yield* upstream()
        const proxy = yield* proxied({ upstream: up.url })
        yield* connect(proxy.url)
        leave((yield* up.accepted).ws)
        yield* proxy.event("Lost")
        subset(story(proxy).slice(2), [{ _tag: "Lost", reason, why }])
      }),
    )
  }

  for (const [status, result] of [
    [401, "auth"],
    [403, "auth"],
    [404, "refused"],
    [503, "refused"],
  ] as const) {
    it.live(`of a refusal with ${status} are its dial and its failure: ${result}`, () =>
      Effect.gen(function* () {
        const up = yield* upstream({ verifyClient: (_, answer) => answer(false, status) })
        const proxy = yield* proxied({ upstream: up.url })
        yield* Effect.flip(connect(proxy.url))
        subset(story(proxy), [
          { _tag: "Connecting", attempt: 1 },
          { _tag: "Failed", attempt: 1, result, retryInMillis: null },
        ])
      }),
    )
  }

  it.live("name what went wrong with the network", () =>
    Effect.gen(function* () {
      const { url } = yield* Effect.scoped(Raw.listen)
      const away = yield* proxied({ upstream: url })
      yield* Effect.flip(connect(away.url))
      subset(story(away).slice(1), [{ _tag: "Failed", result: "refused" }])

      const silent = yield* Raw.listen
      const waiting = yield* proxied({ upstream: silent.url, handshakeTimeout: "100 millis" })
      yield* Effect.flip(connect(waiting.url))
      subset(story(waiting).slice(1), [{ _tag: "Failed", result: "timeout" }])

      const rude = yield* proxied({ upstream: silent.url })
      const fiber = yield* Effect.forkChild(Effect.flip(connect(rude.url)))
      yield* silent.accepted // of the proxy before
      ;(yield* silent.accepted).reset()
      yield* Fiber.join(fiber)
      subset(story(rude).slice(1), [{ _tag: "Failed", result: "reset" }])
    }),
  )

  it.live("of a client that leaves before its answer blame nobody else", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url })
      const client = yield* Raw.dial(proxy.address)
      client.write(Raw.upgradeRequest())
      yield* up.accepted
      client.reset()
      yield* proxy.event("Failed")
      subset(story(proxy), [
        { _tag: "Connecting", attempt: 1 },
        { _tag: "Failed", attempt: 1, result: "cancelled", why: "nobody waited for the answer" },
      ])
      subset(proxy.rows("Link"), [{ state: "Idle", lastError: null }])
    }),
  )

  it.live("of a client that is not let in are none", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, maxSessions: 0 })
      assert.strictEqual((yield* Effect.flip(connect(proxy.url))).status, 503)
      assert.deepStrictEqual(proxy.events(), [])
    }),
  )
})
