import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { eventually } from "./kit/eventually.ts"
import { connect, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import { proxying, refused } from "./kit/sessions.ts"
import { KiB, MiB } from "./kit/sizes.ts"

const backoff = Schedule.spaced("10 millis")
const receiver = { mode: "receiver", backoff } as const

// The one upstream is dialled without a client.
const shared = Effect.fnUntraced(function* (options: Partial<Parameters<typeof proxied>[0]> = {}) {
  const all = yield* proxying({ ...receiver, ...options })
  return { ...all, peer: yield* all.up.accepted }
})

describe("one upstream for everybody", () => {
  it.live("is dialled at the start, with the base URL and no client's headers", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ ...receiver, upstream: `${up.url}/base?key=1` })
      const peer = yield* up.accepted
      assert.strictEqual(peer.http.url, "/base?key=1")
      const { headers } = peer.http
      assert.notInclude(Object.keys(headers).join(), "x-forwarded")
      assert.notProperty(headers, "origin")
      const client = yield* connect(proxy.url, [], { headers: { origin: "https://page.example" } })
      yield* client.send("hello")
      assert.strictEqual(yield* peer.next, "hello")
    }),
  )

  it.live("what it says before anybody is there goes once, to the first; what it says then, to all", () =>
    Effect.gen(function* () {
      const { peer, proxy, rows } = yield* shared()
      for (const text of ["one", "two"]) yield* peer.send(text)
      yield* eventually(() => rows()[0]?.bufferedMessages === 2)
      const first = yield* connect(proxy.url)
      assert.deepStrictEqual([yield* first.next, yield* first.next], ["one", "two"])
      const second = yield* connect(proxy.url)
      yield* peer.send("three")
      assert.deepStrictEqual([yield* first.next, yield* second.next], ["three", "three"])
    }),
  )

  it.live("hears everybody", () =>
    Effect.gen(function* () {
      const { peer, proxy } = yield* shared()
      const clients = [yield* connect(proxy.url), yield* connect(proxy.url)]
      for (const [at, client] of clients.entries()) {
        yield* client.send(`from ${at}`)
        assert.strictEqual(yield* peer.next, `from ${at}`)
      }
    }),
  )

  for (const code of [1000, 1001, 4001, "none"] as const) {
    it.live(`stays when its clients leave (${code}), and holds what it says until there is one again`, () =>
      Effect.gen(function* () {
        const { is, peer, proxy, up } = yield* shared()
        const clients = [yield* connect(proxy.url), yield* connect(proxy.url)]
        yield* is("Active")
        for (const { ws } of clients) {
          if (code === "none") ws.terminate()
          else ws.close(code)
        }
        yield* is("ClientAway")
        yield* peer.send("held")
        const next = yield* connect(proxy.url)
        assert.strictEqual(yield* next.next, "held")
        assert.strictEqual(up.server.clients.size, 1)
      }),
    )
  }

  it.live("is dialled again for ever, whatever ended it, and hears then what was said meanwhile", () =>
    Effect.gen(function* () {
      const { hold, is, peer, proxy, up } = yield* shared({ upstreamRetryBudget: "50 millis" })
      const client = yield* connect(proxy.url)
      let last = peer
      for (const code of [1000, 1011, 4001, 1001, "none"] as const) {
        const release = yield* hold
        if (code === "none") last.ws.terminate()
        else last.ws.close(code)
        yield* is("UpstreamAway")
        yield* client.send(`while away ${code}`)
        yield* Effect.sleep("100 millis") // twice the budget of a session that is not for ever
        release()
        last = yield* up.accepted
        assert.strictEqual(yield* last.next, `while away ${code}`)
      }
    }),
  )

  it.live("is dialled also while it refuses, and before it was ever reached", () =>
    Effect.gen(function* () {
      let [status, dials] = [401, 0]
      const up = yield* upstream({
        verifyClient: (_, answer) => {
          dials++
          answer(status === 101, status)
        },
      })
      const proxy = yield* proxied({ ...receiver, upstream: up.url })
      const client = yield* connect(proxy.url)
      yield* client.send("early")
      for (const next of [404, 503, 301]) {
        const before = dials
        yield* eventually(() => dials > before + 1)
        status = next
      }
      status = 101
      const peer = yield* up.accepted
      assert.strictEqual(yield* peer.next, "early")
    }),
  )

  it.live("is at the base path; any other is a 404", () =>
    Effect.gen(function* () {
      const { proxy } = yield* shared()
      for (const path of ["/room", "/a/b?c=1", "/room/", "//"]) {
        const { status } = yield* refused(proxy, {}, path)
        assert.include(path === "//" ? [400, 404] : [404], status, path)
      }
      for (const path of ["", "/", "/?a=1"]) yield* connect(`${proxy.url}${path}`)
    }),
  )

  it.live("gives its clients neither id nor token: there is nothing to come back for", () =>
    Effect.gen(function* () {
      const { peer, proxy } = yield* shared()
      const client = yield* connect(proxy.url)
      assert.notProperty(client.http.headers, "x-resume-token")
      assert.notProperty(client.http.headers, "x-connection-id")
      yield* peer.send("to all")
      assert.strictEqual(yield* client.next, "to all")
    }),
  )

  it.live("has a client that does not read sent away with 4413; the others go on, and miss nothing", () =>
    Effect.gen(function* () {
      const { peer, proxy } = yield* shared({ stallTimeout: "300 millis" })
      const [slow, fast] = [yield* connect(proxy.url), yield* connect(proxy.url)]
      slow.ws.pause()
      const count = (24 * MiB) / (64 * KiB)
      for (let at = 0; at < count; at++) peer.ws.send(Buffer.alloc(64 * KiB, at))
      for (let at = 0; at < count; at++) assert.strictEqual(((yield* fast.next) as Buffer)[0], at % 256)
      slow.ws.resume()
      assert.deepStrictEqual(yield* slow.closed, { code: 4413, reason: "too slow" })
      yield* peer.send("last")
      assert.strictEqual(yield* fast.next, "last")
    }),
  )
})
