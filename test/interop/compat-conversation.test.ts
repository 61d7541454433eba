import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import type { Peer } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import { clientOf, countingUpstream, lock } from "./kit/reconnectPeers.ts"
import { sessionsOf } from "./kit/restartable.ts"
import { eventually } from "./kit/eventually.ts"

const compat = "ws-reconnect-proxy" as const

const setUp = Effect.gen(function* () {
  const up = yield* countingUpstream
  const proxy = yield* proxied({ upstream: up.url, compat, backoff: Schedule.spaced("10 millis") })
  const turned = (state: string) => eventually(() => sessionsOf(proxy)[0]?.state === state)
  return { up, proxy, turned, client: clientOf(proxy.url, "mine") }
})

const say = (client: Peer, words: ReadonlyArray<string>) => Effect.forEach(words, client.send, { discard: true })
const hear = Effect.fnUntraced(function* (client: Peer, ...replies: ReadonlyArray<string>) {
  for (const reply of replies) assert.strictEqual(yield* client.next, reply)
})

describe("compat: a client and an upstream written for ws-reconnect-proxy", () => {
  for (const code of [1000, 1001, 1012, 4000]) {
    it.live(`go on where they were after the upstream's restart with ${code}`, () =>
      Effect.gen(function* () {
        const { client, turned, up } = yield* setUp
        const socket = yield* client.dial
        yield* say(socket, ["a", "b"])
        yield* hear(socket, "1 a", "2 b")
        yield* up.leave(code)
        yield* turned("UpstreamAway")
        yield* say(socket, ["c", "d"])
        up.comeBack()
        yield* hear(socket, "3 c", "4 d")
        yield* say(socket, ["e"])
        yield* hear(socket, "5 e")
      }),
    )
  }

  for (const code of [undefined, 1000, 1001, 4001]) {
    it.live(
      `go on where they were after the client left ${code === undefined ? "without a word" : `with ${code}`}`,
      () =>
        Effect.gen(function* () {
          const { client, turned } = yield* setUp
          const first = yield* client.dial
          yield* say(first, ["a", "b"])
          yield* hear(first, "1 a", "2 b")
          if (code === undefined) first.ws.terminate()
          else first.ws.close(code)
          yield* turned("ClientAway")
          const second = yield* client.redial
          yield* say(second, ["c"])
          yield* hear(second, "3 c")
        }),
    )
  }

  it.live("miss nothing when the client restarts in the middle of the answers", () =>
    Effect.gen(function* () {
      const { client, turned } = yield* setUp
      const first = yield* client.dial
      const words = Array.from({ length: 500 }, (_, at) => `word ${at}`)
      yield* say(first, words)
      const before = yield* lock(first)
      first.ws.close(1001, "restarting")
      yield* turned("ClientAway")
      const second = yield* client.redial
      const replies = words.map((word, at) => `${at + 1} ${word}`)
      assert.deepStrictEqual(before, replies.slice(0, before.length))
      yield* hear(second, ...replies.slice(before.length))
    }),
  )

  it.live("go on through a day of restarts of both, at the same time too", () =>
    Effect.gen(function* () {
      const { client, turned, up } = yield* setUp
      let socket = yield* client.dial
      for (let day = 0; day < 5; day++) {
        yield* say(socket, [`morning ${day}`])
        yield* hear(socket, `${3 * day + 1} morning ${day}`)
        yield* up.leave(1012)
        yield* turned("UpstreamAway")
        yield* say(socket, [`noon ${day}`])
        assert.deepStrictEqual(yield* lock(socket), [])
        socket.ws.close(1001)
        yield* turned("ClientAway")
        up.comeBack()
        socket = yield* client.redial
        yield* hear(socket, `${3 * day + 2} noon ${day}`)
        yield* say(socket, [`night ${day}`])
        yield* hear(socket, `${3 * day + 3} night ${day}`)
      }
    }),
  )
})
