import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { eventually } from "./kit/eventually.ts"
import { connect } from "./kit/peers.ts"
import * as Raw from "./kit/raw.ts"
import { credentials, heard, resume, session, sessionsOf, talk } from "./kit/restartable.ts"

// The defects of ws-reconnect-proxy, numbered as in its description: none of them may exist here.

describe("regressions: a client that names another host", () => {
  it.live("B15: is refused, new or back, and the other host hears nothing of it", () =>
    Effect.gen(function* () {
      const thief = yield* Raw.listen
      const host = `127.0.0.1:${thief.port}`
      const { client, peer, proxy, up } = yield* session()
      const targets = [
        `//${host}/steal`,
        `///${host}/steal`,
        `/\\${host}/steal`,
        `\\\\${host}/steal`,
        `http://${host}/steal`,
        `ws://${host}/steal`,
        `@${host}/steal`,
        `/..//${host}/steal`,
        `/%2e%2e//${host}/steal`,
      ]
      for (const headers of [{}, credentials(client)]) {
        for (const target of targets) {
          const victim = yield* Raw.dial(proxy.address)
          victim.write(
            Raw.upgradeRequest({ first: `GET ${target} HTTP/1.1`, headers: { Cookie: "secret=1", ...headers } }),
          )
          assert.strictEqual((yield* Raw.answer(victim)).status, 400, target)
        }
      }
      assert.deepStrictEqual(yield* talk(client, peer), heard)
      assert.deepStrictEqual([thief.count(), up.dials()], [0, 1])
    }),
  )

  it.live("B15: in other places only ever reaches the upstream", () =>
    Effect.gen(function* () {
      const thief = yield* Raw.listen
      const host = `127.0.0.1:${thief.port}`
      const { proxy, up } = yield* session()
      for (const target of [`/a//${host}/steal`, `/?to=//${host}`, `/:@${host}/steal`]) {
        const client = yield* connect(`${proxy.url}${target}`, [], { headers: { Host: host, Cookie: "secret=1" } })
        const peer = yield* up.accepted
        assert.strictEqual(peer.http.url, target)
        assert.deepStrictEqual(yield* talk(client, peer), heard)
      }
      assert.strictEqual(thief.count(), 0)
    }),
  )
})

describe("regressions: the gauges", () => {
  it.live("B18: of connections and sessions are exact, whoever opens and closes", () =>
    Effect.gen(function* () {
      const { client, join, peer, proxy, turned, up } = yield* session({
        linger: "50 millis",
        backoff: Schedule.spaced("10 millis"),
      })
      const open = (labels: string) => proxy.metrics()[`holdfast_open_connections{${labels}}`]
      const gauges = () => [open('hop="client"'), open(""), sessionsOf(proxy).length]
      const exactly = Effect.fnUntraced(function* (...expected: ReadonlyArray<number>) {
        yield* eventually(() => `${gauges()}` === `${expected}`)
      })
      assert.deepStrictEqual(gauges(), [1, 1, 1])
      const endings: ReadonlyArray<(one: Effect.Success<ReturnType<typeof join>>) => void> = [
        (one) => one.client.ws.close(1000),
        (one) => one.peer.ws.close(4000),
        (one) => one.client.ws.terminate(),
        (one) => one.peer.ws.close(1011),
        (one) => [one.client, one.peer].forEach(({ ws }) => ws.close()),
      ]
      for (const end of endings) {
        const more = yield* Effect.forEach(Array.from({ length: 8 }), () => join())
        assert.deepStrictEqual(gauges(), [9, 9, 9])
        more.forEach(end)
        yield* exactly(1, 1, 1)
      }

      peer.ws.terminate()
      const again = yield* up.accepted
      yield* exactly(1, 1, 1)
      const back = yield* resume(proxy.url, client)
      assert.deepStrictEqual(yield* talk(back, again), heard)
      yield* client.closed
      assert.deepStrictEqual(gauges(), [1, 1, 1])

      up.leave()
      yield* turned("UpstreamAway")
      assert.deepStrictEqual(gauges(), [1, 0, 1])
      for (let at = 0; at < 5; at++) assert.strictEqual((yield* Effect.flip(connect(proxy.url))).status, 502)
      assert.deepStrictEqual(gauges(), [1, 0, 1])
      up.comeBack()
      yield* up.accepted
      yield* exactly(1, 1, 1)
      back.ws.terminate()
      yield* exactly(0, 1, 1)
      yield* exactly(0, 0, 0)
      yield* join()
      assert.deepStrictEqual(gauges(), [1, 1, 1])
    }),
  )
})
