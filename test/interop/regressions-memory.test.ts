import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { holdfast } from "./kit/holdfast.ts"
import { connect, type Peer } from "./kit/peers.ts"
import { resume, restartable } from "./kit/restartable.ts"
import { MiB } from "./kit/sizes.ts"

// The defects of ws-reconnect-proxy, numbered as in its description: none of them may exist here.

const count = 200
const block = Buffer.alloc(MiB)

// Everything, each message with its number, as fast as the socket takes it; the answer counts along.
const flood = (from: Peer) => {
  const sent = { messages: 0 }
  const more = () => {
    while (sent.messages < count && from.ws.bufferedAmount < MiB) {
      block.writeUInt32BE(sent.messages++)
      from.ws.send(Buffer.from(block), more)
    }
  }
  more()
  return sent
}

// Until nothing has moved for half a second.
const standstill = Effect.fnUntraced(function* (position: () => number) {
  for (let before = -1; before !== position(); yield* Effect.sleep("500 millis")) before = position()
})

// Its only session, as the admin port lists it.
const state = (admin: string) =>
  Effect.promise(async () => {
    const [row] = await (await fetch(`${admin}/api/sessions`)).json()
    return row.state as string
  })

describe("regressions: the memory", () => {
  const program = Effect.gen(function* () {
    const up = yield* restartable
    const { rss, url } = yield* holdfast("proxy", "--upstream", up.url, "--listen", "127.0.0.1:0")
    const client = yield* connect(url("proxy"))
    return { client, peer: yield* up.accepted, up, rss, url: url("proxy"), state: state(url("admin")) }
  })
  type Program = Effect.Success<typeof program>

  interface Way {
    readonly from: "client" | "peer"
    readonly state: string
    readonly leave: (program: Program) => void
    readonly comeBack: (program: Program) => ReturnType<typeof connect>
  }
  const ways: Readonly<Record<string, Way>> = {
    "an upstream that is down": {
      from: "client",
      state: "UpstreamAway",
      leave: ({ up }) => up.leave(),
      comeBack: ({ up }) => {
        up.comeBack()
        return up.accepted
      },
    },
    "a client that does not read": {
      from: "peer",
      state: "Active",
      leave: ({ client }) => client.ws.pause(),
      comeBack: ({ client }) =>
        Effect.as(
          Effect.sync(() => client.ws.resume()),
          client,
        ),
    },
    "a client that is gone": {
      from: "peer",
      state: "ClientAway",
      leave: ({ client }) => client.ws.terminate(),
      comeBack: ({ client, url }) => resume(url, client),
    },
  }

  for (const [who, way] of Object.entries(ways)) {
    it.live(
      `B11: is bounded while ${count} MiB are for ${who}; who sends them waits, and all of them arrive`,
      () =>
        Effect.gen(function* () {
          const running = yield* program
          const before = running.rss()
          way.leave(running)
          yield* Effect.repeat(running.state, { until: (now) => now === way.state })
          const sent = flood(running[way.from])
          yield* standstill(() => sent.messages)
          const more = running.rss() - before
          console.log(`for ${who}: RSS +${more.toFixed(1)} MiB after ${sent.messages} MiB`)
          assert.isBelow(sent.messages, count / 2, "whoever sends must have been stopped")
          assert.isBelow(more, 32)

          const to = yield* way.comeBack(running)
          for (let at = 0; at < count; at++) {
            const message = yield* to.next
            assert.deepStrictEqual([message.length, (message as Buffer).readUInt32BE(0)], [MiB, at])
          }
        }),
      15_000,
    )
  }
})
