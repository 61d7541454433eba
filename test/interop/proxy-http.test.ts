import { assert, describe, it } from "@effect/vitest"
import { Proxy } from "@holdfast/websocket"
import { Deferred, Effect, Fiber } from "effect"
import * as Pages from "./kit/pages.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"

const forwarding = Effect.fnUntraced(function* (
  answer?: (visit: Pages.Visit) => void,
  options: Partial<Proxy.Options> = {},
) {
  const up = yield* Pages.serve(answer)
  const proxy = yield* proxied({ upstream: `${up.url}/base?k=v`, http: "forward", ...options })
  return { up, proxy }
})

describe("a plain request", () => {
  it.live("is asked of the upstream, below its base path, with the client's query", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* forwarding(({ response }) => response.end("a page"))
      for (const [path, asked] of [
        ["/a%20b/{c}?x=1|2", "/base/a%20b/{c}?x=1|2"],
        ["/", "/base?k=v"],
        ["/json/version", "/base/json/version?k=v"],
      ]) {
        const page = yield* Pages.get(proxy.address, { path })
        assert.deepStrictEqual([page.status, page.body.toString(), page.whole], [200, "a page", true])
        assert.strictEqual((yield* up.visited).request.url, asked)
      }
    }),
  )

  it.live("carries the end-to-end headers both ways and leaves out those of each hop", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* forwarding(({ response }) => {
        const forged = { "X-Resume-Token": "forged", "X-Connection-Id": "forged" }
        const hop = { Connection: "X-Hop", "X-Hop": "secret", "Keep-Alive": "timeout=77" }
        response.writeHead(418, { "Set-Cookie": ["a=1", "b=2"], "X-Real": "yes", ...forged, ...hop })
        response.end()
      })
      const page = yield* Pages.get(proxy.address, {
        headers: { Cookie: "c=3", Authorization: "Bearer x", "X-Resume-Token": "s", TE: "trailers", Host: "public" },
      })
      const { headers } = (yield* up.visited).request
      assert.strictEqual(headers.host, `127.0.0.1:${up.port}`)
      assert.deepStrictEqual([headers.cookie, headers.authorization], ["c=3", "Bearer x"])
      assert.deepStrictEqual([headers["x-forwarded-host"], headers["x-forwarded-for"]], ["public", "127.0.0.1"])
      assert.notProperty(headers, "x-resume-token")
      assert.notProperty(headers, "te")

      assert.strictEqual(page.status, 418)
      assert.deepStrictEqual(page.headers["set-cookie"], ["a=1", "b=2"])
      assert.strictEqual(page.headers["x-real"], "yes")
      for (const name of ["x-resume-token", "x-connection-id", "x-hop"]) assert.notProperty(page.headers, name)
      assert.notStrictEqual(page.headers["keep-alive"], "timeout=77")
    }),
  )

  it.live("may offer to upgrade to something else than a WebSocket", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* forwarding(({ response }) => response.end("a page"))
      const headers = { Connection: "Upgrade, HTTP2-Settings", Upgrade: "h2c", "HTTP2-Settings": "" }
      const page = yield* Pages.get(proxy.address, { path: "/", headers })
      assert.deepStrictEqual([page.status, page.body.toString()], [200, "a page"])
      assert.notProperty((yield* up.visited).request.headers, "upgrade")
    }),
  )

  for (const [method, status, length] of [
    ["HEAD", 200, "5"],
    ["GET", 204, undefined],
    ["GET", 304, undefined],
    ["GET", 404, "5"],
    ["DELETE", 200, "5"],
  ] as const) {
    it.live(`${method} that is answered ${status} has the upstream's length and body`, () =>
      Effect.gen(function* () {
        const { proxy, up } = yield* forwarding(({ response }) => {
          response.writeHead(status, length === undefined ? { etag: "x" } : { "content-length": length })
          response.end(length === undefined || method === "HEAD" ? undefined : "hello")
        })
        const page = yield* Pages.get(proxy.address, { method })
        assert.strictEqual((yield* up.visited).request.method, method)
        assert.deepStrictEqual([page.status, page.headers["content-length"], page.whole], [status, length, true])
        assert.strictEqual(page.body.toString(), length === undefined || method === "HEAD" ? "" : "hello")
      }),
    )
  }

  it.live("streams 10 MiB both ways at once", () =>
    Effect.gen(function* () {
      const { proxy } = yield* forwarding(({ request, response }) => request.pipe(response))
      const sent = Buffer.alloc(10 * 1024 * 1024, "0123456789abcdef")
      const request = yield* Pages.start(proxy.address, { method: "POST" })
      request.end(sent)
      const page = yield* Pages.answer(request)
      assert.isTrue(page.body.equals(sent))
    }),
  )

  it.live("streams: each part arrives before the next is sent", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* forwarding()
      const request = yield* Pages.start(proxy.address, { method: "POST" })
      request.write("one ")
      const visit = yield* up.visited
      const first = yield* Deferred.make<string>()
      visit.request.once("data", (chunk) => Deferred.doneUnsafe(first, Effect.succeed(`${chunk}`)))
      assert.strictEqual(yield* Deferred.await(first), "one ")
      const back = yield* Deferred.make<string>()
      request.on("response", (response) =>
        response.once("data", (chunk) => Deferred.doneUnsafe(back, Effect.succeed(`${chunk}`))),
      )
      visit.response.write("an answer before the question is over")
      assert.strictEqual(yield* Deferred.await(back), "an answer before the question is over")
      request.end()
      visit.response.end()
    }),
  )

  const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
  const bodies = {
    chunked: ["Transfer-Encoding: chunked", `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`],
    "of a known length": [`Content-Length: ${smuggled.length}`, smuggled],
    "of a length that is hidden": [`Connection: Content-Length\r\nContent-Length: ${smuggled.length}`, smuggled],
  }
  for (const method of ["POST", "DELETE", "GET", "OPTIONS"]) {
    for (const [kind, [headers, body]] of Object.entries(bodies)) {
      it.live(`${method} with a body ${kind} keeps it to itself`, () =>
        Effect.gen(function* () {
          const { proxy, up } = yield* forwarding(({ request, response }) => request.pipe(response))
          const client = yield* Raw.dial(proxy.address)
          client.write(`${method} /a HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n${body}`)
          const { request } = yield* up.visited
          assert.deepStrictEqual([request.method, request.url], [method, "/base/a?k=v"])
          yield* client.read((bytes) => (bytes.includes(smuggled) ? [undefined, bytes.length] : undefined))
        }),
      )
    }
  }
})

describe("a plain request whose upstream", () => {
  it.live("is away is told 502", () =>
    Effect.gen(function* () {
      const { url } = yield* Effect.scoped(Pages.serve())
      const proxy = yield* proxied({ upstream: url, http: "forward" })
      assert.strictEqual((yield* Pages.get(proxy.address)).status, 502)
      const request = yield* Pages.start(proxy.address, { method: "POST" })
      request.end(Buffer.alloc(1000))
      assert.strictEqual((yield* Pages.answer(request)).status, 502)
    }),
  )

  const treatments: Readonly<Record<string, string>> = {
    "answers nonsense": "220 mail.example\r\n\r\n",
    "answers a status that is none": "HTTP/1.1 099 What\r\nContent-Length: 0\r\n\r\n",
    "hangs up in the middle of its headers": "HTTP/1.1 200 OK\r\nX-",
    "hangs up without a word": "",
  }
  for (const [what, bytes] of Object.entries(treatments)) {
    it.live(`${what} is told 502`, () =>
      Effect.gen(function* () {
        const up = yield* Raw.listen
        const proxy = yield* proxied({ upstream: up.url, http: "forward" })
        const page = yield* Effect.forkChild(Pages.get(proxy.address))
        const peer = yield* up.accepted
        yield* Raw.head(peer)
        peer.socket.end(bytes)
        assert.strictEqual((yield* Fiber.join(page)).status, 502)
      }),
    )
  }

  it.live("hangs up in the middle of its body is cut off as well", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, http: "forward" })
      const fiber = yield* Effect.forkChild(Pages.get(proxy.address))
      const peer = yield* up.accepted
      yield* Raw.head(peer)
      peer.socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
      const page = yield* Fiber.join(fiber)
      assert.deepStrictEqual([page.body.toString(), page.whole], ["half", false])
    }),
  )

  it.live("refuses a body before all of it has come gives its whole answer to the client", () =>
    Effect.gen(function* () {
      const { proxy } = yield* forwarding(({ response }) => {
        response.writeHead(413, { connection: "close" })
        response.end(Buffer.alloc(5 * 1024 * 1024))
      })
      const request = yield* Pages.start(proxy.address, { method: "POST" })
      request.write(Buffer.alloc(64 * 1024))
      const page = yield* Pages.answer(request)
      assert.deepStrictEqual([page.status, page.body.length, page.whole], [413, 5 * 1024 * 1024, true])
    }),
  )
})

describe("a client of a plain request that leaves", () => {
  it.live("before the answer takes its request with it", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* forwarding()
      const request = yield* Pages.start(proxy.address, { method: "POST" })
      request.write("a part")
      const visit = yield* up.visited
      request.destroy()
      yield* Effect.callback<void>((resume) => void visit.response.once("close", () => resume(Effect.void)))
    }),
  )

  it.live("after its whole question takes its request with it as well", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* forwarding()
      const request = yield* Pages.start(proxy.address)
      request.end()
      const visit = yield* up.visited
      request.destroy()
      yield* Effect.callback<void>((resume) => void visit.response.once("close", () => resume(Effect.void)))
    }),
  )

  it.live("in the middle of the answer takes its request with it", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* forwarding()
      const request = yield* Pages.start(proxy.address)
      request.on("response", (response) => response.once("data", () => request.destroy()))
      request.end()
      const visit = yield* up.visited
      visit.response.write("a part")
      yield* Effect.callback<void>((resume) => void visit.response.once("close", () => resume(Effect.void)))
    }),
  )
})

describe("authorize", () => {
  it.live("is asked before a plain request is passed on", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* forwarding(({ response }) => response.end("a page"), {
        authorize: ({ headers }) =>
          headers["authorization"] === "Bearer x"
            ? Effect.succeed("x")
            : Effect.fail(new Proxy.Rejected({ status: 401, why: "who are you" })),
      })
      const refused = yield* Pages.get(proxy.address)
      assert.deepStrictEqual([refused.status, refused.body.toString()], [401, "who are you\n"])
      const page = yield* Pages.get(proxy.address, { headers: { Authorization: "Bearer x" } })
      assert.strictEqual(page.status, 200)
      yield* up.visited
    }),
  )
})

describe("an upstream that does not answer a plain request", () => {
  it.live("is 504 after httpTimeout, and 502 when it hangs up or switches protocols", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, http: "forward", httpTimeout: "100 millis" })
      assert.strictEqual((yield* Pages.get(proxy.address)).status, 504)
      yield* up.accepted
      for (const answer of ["", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"]) {
        const page = yield* Effect.forkChild(Pages.get(proxy.address))
        const peer = yield* up.accepted
        yield* Raw.head(peer)
        peer.write(answer)
        if (answer === "") peer.reset()
        assert.strictEqual((yield* Fiber.join(page)).status, 502)
      }
    }),
  )

  it.live("is asked by no more clients at a time than there may be sessions", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* forwarding(undefined, { maxSessions: 1 })
      const first = yield* Effect.forkChild(Pages.get(proxy.address))
      const { response } = yield* up.visited
      const second = yield* Pages.get(proxy.address)
      assert.deepStrictEqual([second.status, second.headers["retry-after"]], [503, "1"])
      response.end("a page")
      assert.strictEqual((yield* Fiber.join(first)).status, 200)
    }),
  )
})

describe("a plain request under way when the proxy closes", () => {
  it.live("is finished first", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* forwarding(undefined, { drainTimeout: "10 seconds" })
      const page = yield* Effect.forkChild(Pages.get(proxy.address))
      const { response } = yield* up.visited
      response.write("a ")
      const closing = yield* Effect.forkChild(proxy.close)
      yield* proxy.event("Draining")
      response.end("page")
      const { body, status, whole } = yield* Fiber.join(page)
      assert.deepStrictEqual([status, body.toString(), whole], [200, "a page", true])
      yield* Fiber.join(closing)
    }),
  )

  it.live("is cut, and counted, when it takes too long", () =>
    Effect.gen(function* () {
      const { proxy, up } = yield* forwarding(undefined, { drainTimeout: "100 millis" })
      const page = yield* Effect.forkChild(Pages.get(proxy.address))
      const { response } = yield* up.visited
      response.write("a part")
      yield* proxy.close
      assert.isFalse((yield* Fiber.join(page)).whole)
      const drained = proxy.events().find(({ _tag }) => _tag === "Drained")
      assert.deepStrictEqual({ closed: -1, cut: -1, ...drained, at: 0 }, { ...drained!, at: 0, closed: 0, cut: 1 })
    }),
  )
})
