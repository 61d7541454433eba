import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import type WebSocket from "ws"
import { eventually } from "./kit/eventually.ts"
import { closing, opcode, serverFrame } from "./kit/frames.ts"
import { connect } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"
import { heard, session, sessionsOf, talk } from "./kit/restartable.ts"
import { subset } from "./kit/subset.ts"

const compat = { compat: "ws-reconnect-proxy", backoff: Schedule.spaced("10 millis") } as const
const id = { "x-connection-id": "mine" }
const restart = "Service Restart"

const receipts = (proxy: Effect.Success<ReturnType<typeof proxied>>) =>
  proxy.events().filter(({ _tag }) => _tag === "Receipt")

describe("compat: an upstream that says goodbye", () => {
  for (const code of [1000, 1001, 1008, 1011, 1012, 3000, 4000]) {
    it.live(`with ${code} ${restart} is dialled again`, () =>
      Effect.gen(function* () {
        const { client, peer, up } = yield* session(compat, id)
        peer.ws.close(code, restart)
        assert.deepStrictEqual(yield* talk(client, yield* up.accepted), heard)
      }),
    )

    it.live(`with ${code} ${restart} leaves a receipt, as every outage does`, () =>
      Effect.gen(function* () {
        const up = yield* Raw.listen
        const proxy = yield* proxied({ upstream: up.url, ...compat })
        const dialling = yield* Effect.forkChild(connect(proxy.url))
        const peer = yield* Raw.accept(up)
        const client = yield* Fiber.join(dialling)
        for (const message of ["a", "b", "c"]) yield* client.send(message)
        for (const message of ["a", "b", "c"]) assert.strictEqual(`${(yield* peer.frame).payload}`, message)
        peer.write(serverFrame(closing(code, restart), { opcode: opcode.close }))
        peer.socket.end()
        yield* Raw.accept(up)
        yield* eventually(() => sessionsOf(proxy)[0]?.state === "Active")
        const receipt = { hop: "upstream", back: true, held: 0, lost: 0, uncertain: 3, outcome: "dropped" }
        subset(receipts(proxy), [receipt])
      }),
    )
  }

  const ways: Readonly<Record<string, (ws: WebSocket) => void>> = {
    "a crash": (ws) => ws.terminate(),
    "1001 bye": (ws) => ws.close(1001, "bye"),
    "1012 deploying": (ws) => ws.close(1012, "deploying"),
    "1013": (ws) => ws.close(1013),
    "1014 no luck": (ws) => ws.close(1014, "no luck"),
  }
  for (const [how, leave] of Object.entries(ways)) {
    it.live(`is dialled again after ${how}, as always`, () =>
      Effect.gen(function* () {
        const { client, peer, up } = yield* session(compat, id)
        leave(peer.ws)
        assert.deepStrictEqual(yield* talk(client, yield* up.accepted), heard)
      }),
    )
  }

  for (const [code, reason] of [
    [1000, "bye"],
    [4000, "service restart"],
    [1008, `${restart}!`],
    [3000, ` ${restart}`],
    [1011, ""],
  ] as const) {
    it.live(`with ${code} ${JSON.stringify(reason)} ends the session, and the client hears just that`, () =>
      Effect.gen(function* () {
        const { client, peer } = yield* session(compat, id)
        peer.ws.close(code, reason)
        assert.deepStrictEqual(yield* client.closed, { code, reason })
      }),
    )
  }

  it.live(`with ${restart} is not dialled again where no upstream is, and not without compat`, () =>
    Effect.gen(function* () {
      for (const options of [{ ...compat, onUpstreamLoss: "close" }, {}] as const) {
        const { client, peer } = yield* session(options, id)
        peer.ws.close(4000, restart)
        assert.deepStrictEqual(yield* client.closed, { code: 4000, reason: restart })
      }
    }),
  )

  it.live("does not come back: its client is told within the budget", () =>
    Effect.gen(function* () {
      const { client, up } = yield* session({ ...compat, upstreamRetryBudget: "100 millis" }, id)
      up.leave(1000, restart)
      assert.deepStrictEqual(yield* client.closed, { code: 1014, reason: "upstream gone" })
    }),
  )
})

describe("compat: a client that says goodbye", () => {
  const ways: Readonly<Record<string, (ws: WebSocket) => void>> = {
    "1000": (ws) => ws.close(1000, "done"),
    "1001": (ws) => ws.close(1001),
    "3000": (ws) => ws.close(3000, "done"),
    "4001": (ws) => ws.close(4001, "done"),
    "no code": (ws) => ws.close(),
    "no goodbye": (ws) => ws.terminate(),
  }
  for (const [how, leave] of Object.entries(ways)) {
    it.live(`with ${how} may come back, and misses nothing`, () =>
      Effect.gen(function* () {
        const { client, peer, resumed, turned } = yield* session(compat, id)
        leave(client.ws)
        yield* turned("ClientAway")
        yield* peer.send("kept")
        yield* peer.send("and kept")
        const back = yield* resumed("mine")
        assert.deepStrictEqual([yield* back.next, yield* back.next], ["kept", "and kept"])
        assert.deepStrictEqual(yield* talk(back, peer), heard)
      }),
    )

    it.live(`with ${how} leaves a receipt, as every outage does`, () =>
      Effect.gen(function* () {
        const { client, peer, proxy, resumed, turned } = yield* session(compat, id)
        leave(client.ws)
        yield* turned("ClientAway")
        yield* peer.send("kept")
        assert.strictEqual(yield* (yield* resumed("mine")).next, "kept")
        subset(receipts(proxy), [{ hop: "client", back: true, held: 1, lost: 0, uncertain: 0 }])
      }),
    )
  }

  for (const [how, leave, code, reason] of [
    ["1000", (ws: WebSocket) => ws.close(1000, "done"), 1000, "done"],
    ["4001", (ws: WebSocket) => ws.close(4001, "done"), 4001, "done"],
    ["no code", (ws: WebSocket) => ws.close(), 1005, ""],
    ["no goodbye", (ws: WebSocket) => ws.terminate(), 1001, "client gone"],
  ] as const) {
    it.live(`with ${how} and does not come back ends the session with ${code} after the linger`, () =>
      Effect.gen(function* () {
        const { client, peer, status, turned } = yield* session({ ...compat, linger: "80 millis" }, id)
        leave(client.ws)
        yield* turned("ClientAway")
        assert.strictEqual(peer.ws.readyState, peer.ws.OPEN)
        assert.deepStrictEqual(yield* peer.closed, { code, reason })
        assert.strictEqual(yield* status({ "x-reconnect-id": "mine" }), 404)
      }),
    )
  }

  it.live("and whose upstream ends meanwhile finds no session", () =>
    Effect.gen(function* () {
      const { client, peer, proxy, status, turned } = yield* session(compat, id)
      client.ws.close(1000)
      yield* turned("ClientAway")
      peer.ws.close(1000)
      yield* proxy.event("Lost")
      assert.strictEqual(yield* status({ "x-reconnect-id": "mine" }), 404)
    }),
  )
})
