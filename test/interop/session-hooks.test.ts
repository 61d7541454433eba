import { assert, describe, it } from "@effect/vitest"
import type { Proxy } from "@holdfast/websocket"
import { Effect, Queue, Schedule } from "effect"
import * as Pages from "./kit/pages.ts"
import { connect } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import { dial, proxying, resume, session } from "./kit/sessions.ts"

const backoff = Schedule.spaced("10 millis")

// A session whose hooks put what they are told into a queue.
const hooked = Effect.fnUntraced(function* (options: Partial<Proxy.Options> = {}) {
  const told = yield* Queue.unbounded<Proxy.Loss | typeof Proxy.Receipt.Type>()
  const hook = (it: Proxy.Loss | typeof Proxy.Receipt.Type) => Effect.asVoid(Queue.offer(told, it))
  const all = yield* session({
    backoff,
    authorize: () => Effect.succeed("ann"),
    onLost: hook,
    onBack: hook,
    ...options,
  })
  const id = `${all.client.http.headers["x-connection-id"]}`
  return { ...all, id, next: Queue.take(told) }
})

describe("the hooks", () => {
  it.live("hear of a client that is lost and back", () =>
    Effect.gen(function* () {
      const { client, id, next, proxy, receipts } = yield* hooked()
      client.ws.terminate()
      assert.deepStrictEqual(yield* next, { session: id, principal: "ann", hop: "client", code: 1006, reason: "" })
      const back = yield* resume(proxy, client)
      assert.deepStrictEqual(yield* next, receipts()[0])
      back.ws.close(1001, "page left")
      assert.deepInclude(yield* next, { hop: "client", code: 1001, reason: "page left" })
    }),
  )

  it.live("hear of an upstream that is lost and back, or not back", () =>
    Effect.gen(function* () {
      const { id, next, peer, up } = yield* hooked({ upstreamRetryBudget: "150 millis" })
      peer.ws.close(1012, "Service Restart")
      assert.deepStrictEqual(yield* next, {
        session: id,
        principal: "ann",
        hop: "upstream",
        code: 1012,
        reason: "Service Restart",
      })
      assert.deepInclude(yield* next, { _tag: "Receipt", session: id, hop: "upstream", back: true })
      const again = yield* up.accepted
      up.server.close()
      again.ws.terminate()
      assert.deepInclude(yield* next, { hop: "upstream", code: 1006 })
      assert.deepInclude(yield* next, { _tag: "Receipt", hop: "upstream", back: false })
    }),
  )

  it.live("hear of a client that is not back in time", () =>
    Effect.gen(function* () {
      const { client, next } = yield* hooked({ linger: "50 millis" })
      client.ws.terminate()
      assert.deepInclude(yield* next, { hop: "client", code: 1006 })
      assert.deepInclude(yield* next, { _tag: "Receipt", hop: "client", back: false })
    }),
  )

  it.live("that hang or die hold up nobody", () =>
    Effect.gen(function* () {
      const { client, is, peer, proxy, up } = yield* hooked({
        onLost: () => Effect.never,
        onBack: () => Effect.never,
      })
      client.ws.terminate()
      yield* is("ClientAway")
      const back = yield* resume(proxy, client)
      peer.ws.terminate()
      const again = yield* up.accepted
      yield* again.send("fine")
      assert.strictEqual(yield* back.next, "fine")
    }),
  )
})

describe("the headers of resuming", () => {
  it.live("never reach the upstream, neither with the first dial nor with a later one", () =>
    Effect.gen(function* () {
      const { client, is, peer, proxy, up } = yield* session({ backoff })
      client.ws.terminate()
      yield* is("ClientAway")
      const back = yield* resume(proxy, client)
      yield* back.send("here")
      assert.strictEqual(yield* peer.next, "here")
      peer.ws.terminate()
      const again = yield* up.accepted
      for (const { http } of [peer, again]) {
        assert.notProperty(http.headers, "x-resume-token")
        assert.notProperty(http.headers, "x-reconnect-id")
        assert.strictEqual(http.headers["x-connection-id"], client.http.headers["x-connection-id"])
      }
    }),
  )

  it.live("never reach the upstream with plain HTTP either", () =>
    Effect.gen(function* () {
      const server = yield* Pages.serve(({ response }) => response.end("page"))
      const proxy = yield* proxied({ upstream: server.url, http: "forward" })
      const headers = { "x-resume-token": "secret", "x-reconnect-id": "secret", "x-other": "kept" }
      assert.strictEqual((yield* Pages.get(proxy.address, { headers })).status, 200)
      const { request } = yield* server.visited
      assert.notInclude(JSON.stringify(request.headers), "secret")
      assert.strictEqual(request.headers["x-other"], "kept")
    }),
  )

  it.live("of the upstream itself are dropped: it can neither name a session nor give a token away", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* proxying()
      up.server.on("headers", (lines) => {
        lines.push("X-Resume-Token: theirs", "X-Connection-Id: theirs", "X-Reconnect-Id: theirs", "X-Other: theirs")
      })
      const client = yield* dial(proxy, { "x-connection-id": "mine" })
      assert.strictEqual(client.http.headers["x-connection-id"], "mine")
      assert.match(`${client.http.headers["x-resume-token"]}`, /^[\w-]{43}$/)
      assert.notProperty(client.http.headers, "x-reconnect-id")
      assert.strictEqual(client.http.headers["x-other"], "theirs")
      assert.notInclude(
        client.http.rawHeaders
          .filter((_, at) => at % 2 === 1)
          .join()
          .replace("theirs", ""),
        "theirs",
      )
    }),
  )

  it.live("are shown by nothing that the proxy tells: no row, no event, no metric", () =>
    Effect.gen(function* () {
      const { client, is, peer, proxy, rows } = yield* session()
      client.ws.terminate()
      yield* is("ClientAway")
      const back = yield* resume(proxy, client)
      yield* back.send("here")
      yield* peer.next
      yield* connect(proxy.url)
      const told = JSON.stringify([rows(), proxy.events(), proxy.metrics()])
      for (const one of [client, back]) assert.notInclude(told, `${one.http.headers["x-resume-token"]}`)
    }),
  )
})
