import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Acceptor } from "@holdfast/websocket"
import { Effect, Fiber, Layer } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import WebSocket, { WebSocketServer } from "ws"
import * as Pages from "./kit/pages.ts"
import { connect, echo, upstream } from "./kit/peers.ts"
import { proxiedOn } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"

// A server that is not the proxy's, and what it answers by itself.
const host = Effect.gen(function* () {
  const server = Http.createServer((request, response) => response.end(`page ${request.url}`))
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      }),
  )
  const { port } = server.address() as AddressInfo // it listens on TCP
  return { server, address: `127.0.0.1:${port}`, url: `ws://127.0.0.1:${port}` }
})

// Its own upgrade listener: says its path and closes.
const ownUpgrades = (server: Http.Server) => {
  const sockets = new WebSocketServer({ noServer: true })
  server.on("upgrade", (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (ws: WebSocket) => {
      ws.send(`own ${request.url}`)
      ws.close(1000)
    }),
  )
}

const greeting = (url: string) => Effect.scoped(Effect.flatMap(connect(url), ({ next }) => next))
const page = (address: string, path: string) =>
  Effect.scoped(Effect.map(Pages.get(address, { path }), ({ body }) => body.toString()))

describe("a proxy on a bare server that has upgrades of its own", () => {
  it.live("takes its path and leaves the others alone; when it is gone, all is as before", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const { address, server, url } = yield* host
      ownUpgrades(server)
      const proxy = yield* proxiedOn(
        { upstream: up.url },
        Acceptor.layerServer(() => server, { path: "/live" }),
      )
      assert.strictEqual(proxy.address, "/live")

      for (const [path, asked] of [
        ["/live", "/"],
        ["/live/", "/"],
        ["/live/room?id=1", "/room?id=1"],
        ["/live?id=1", "/?id=1"],
      ]) {
        yield* Effect.scoped(connect(`${url}${path}`))
        assert.strictEqual((yield* up.accepted).http.url, asked)
      }
      for (const path of ["/", "/lively", "/other/live", "/?/live"]) {
        assert.strictEqual(yield* greeting(`${url}${path}`), `own ${path}`)
        assert.strictEqual(yield* page(address, path), `page ${path}`)
      }
      assert.strictEqual((yield* Pages.get(address, { path: "/live" })).status, 426)

      const client = yield* connect(`${url}/live`)
      yield* proxy.close
      assert.strictEqual((yield* client.closed).code, 1012)
      assert.strictEqual(yield* greeting(`${url}/live`), "own /live")
      assert.strictEqual(yield* page(address, "/live"), "page /live")
    }),
  )

  it.live("refuses new clients while it drains, and the server goes on", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const { address, server, url } = yield* host
      const acceptor = Acceptor.layerServer(() => server, { path: "/live" })
      const proxy = yield* proxiedOn({ upstream: up.url, drainTimeout: "10 seconds" }, acceptor)
      const clients = [yield* connect(`${url}/live`), yield* connect(`${url}/live`)]
      const closing = yield* Effect.forkChild(proxy.close)
      yield* clients[0]!.closed
      const { headers, status } = yield* Effect.flip(connect(`${url}/live`))
      assert.deepStrictEqual([status, headers["retry-after"]], [503, "1"])
      assert.strictEqual(yield* page(address, "/"), "page /")
      clients[1]!.ws.close()
      yield* Fiber.join(closing)
    }),
  )
})

describe("a proxy on a bare server without upgrades", () => {
  it.live("answers upgrades of other paths with 404 while it is there, and not when it is gone", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const { address, server, url } = yield* host
      const proxy = yield* proxiedOn(
        { upstream: up.url },
        Acceptor.layerServer(() => server, { path: "/live" }),
      )
      assert.strictEqual((yield* Effect.flip(connect(`${url}/other`))).status, 404)
      assert.strictEqual(yield* page(address, "/other"), "page /other")
      yield* proxy.close
      // Node treats an upgrade that nobody listens for as a plain request.
      assert.strictEqual((yield* Effect.flip(connect(`${url}/live`))).body, "page /live")
      assert.strictEqual(server.listenerCount("upgrade"), 0)
    }),
  )

  it.live("takes every path by default, but no target that is not a path", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const { address, server, url } = yield* host
      yield* proxiedOn(
        { upstream: up.url, http: "forward" },
        Acceptor.layerServer(() => server),
      )
      yield* connect(`${url}/a/b?c`)
      assert.strictEqual((yield* up.accepted).http.url, "/a/b?c")
      const client = yield* Raw.dial(address)
      client.write(Raw.upgradeRequest({ first: "GET //evil.example/x HTTP/1.1" }))
      assert.strictEqual((yield* Raw.answer(client)).status, 400)
    }),
  )
})

describe("a client that resets while it is refused", () => {
  it.live("does the server no harm, on the proxy's path and beside it", () =>
    Effect.gen(function* () {
      const { address, server } = yield* host
      const acceptor = Acceptor.layerServer(() => server, { path: "/live" })
      yield* proxiedOn({ upstream: "ws://127.0.0.1:9" }, acceptor)
      for (let at = 0; at < 40; at++) {
        const client = yield* Raw.dial(address)
        const first = `GET ${["/live", "/live//", "/other"][at % 3]} HTTP/1.1`
        const version = at % 2 === 0 ? "13" : "8"
        client.write(Raw.upgradeRequest({ first, headers: { "Sec-WebSocket-Version": version } }))
        client.socket.once("connect", () => client.reset())
        yield* client.closed
      }
      assert.strictEqual(yield* page(address, "/"), "page /")
    }),
  )
})

describe("two proxies on one server", () => {
  it.live("keep to their paths, and either may go first", () =>
    Effect.gen(function* () {
      for (const first of ["/a", "/b"]) {
        const { address, server, url } = yield* host
        const [one, two] = [yield* upstream(), yield* upstream()]
        const a = yield* proxiedOn(
          { upstream: `${one.url}/one` },
          Acceptor.layerServer(() => server, { path: "/a" }),
        )
        const b = yield* proxiedOn(
          { upstream: `${two.url}/two` },
          Acceptor.layerServer(() => server, { path: "/b" }),
        )
        yield* Effect.scoped(connect(`${url}/a/x`))
        yield* Effect.scoped(connect(`${url}/b/x`))
        assert.strictEqual((yield* one.accepted).http.url, "/one/x")
        assert.strictEqual((yield* two.accepted).http.url, "/two/x")
        assert.strictEqual((yield* Effect.flip(connect(`${url}/c`))).status, 404)

        const [gone, left, other] = first === "/a" ? [a, "/b", two] : [b, "/a", one]
        yield* gone.close
        yield* Effect.scoped(connect(`${url}${left}/y`))
        assert.match((yield* other.accepted).http.url!, /\/y$/)
        assert.strictEqual((yield* Effect.flip(connect(`${url}${first}/y`))).status, 404)
        assert.strictEqual(yield* page(address, `${first}/y`), `page ${first}/y`)
        yield* (first === "/a" ? b : a).close
        assert.strictEqual(server.listenerCount("upgrade"), 0)
        assert.strictEqual(yield* page(address, left), `page ${left}`)
      }
    }),
  )
})

describe("a proxy on the server of an Effect app", () => {
  const app = HttpRouter.serve(
    Layer.mergeAll(
      HttpRouter.add("GET", "/hello", HttpServerResponse.text("hello from the app")),
      HttpRouter.add(
        "GET",
        "/own",
        Effect.gen(function* () {
          const request = yield* HttpServerRequest.HttpServerRequest
          const socket = yield* request.upgrade
          yield* Effect.gen(function* () {
            const { pull } = yield* socket.reader // the 101 is sent here
            const { write } = yield* socket.writer
            yield* write("own socket")
            yield* pull
          }).pipe(Effect.scoped, Effect.ignore)
          return HttpServerResponse.empty()
        }),
      ),
    ),
    { disableLogger: true },
  )

  it.live("takes its path; the app's pages and sockets work before, beside and after it", () =>
    Effect.gen(function* () {
      const up = yield* echo
      const server = Http.createServer()
      const context = yield* Layer.build(
        Layer.provide(
          app,
          NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" }),
        ),
      )
      assert.isDefined(context)
      const { port } = server.address() as AddressInfo // it listens on TCP
      const url = `ws://127.0.0.1:${port}`
      const works = Effect.gen(function* () {
        assert.strictEqual(yield* page(`127.0.0.1:${port}`, "/hello"), "hello from the app")
        assert.strictEqual(yield* greeting(`${url}/own`), "own socket")
        assert.strictEqual((yield* Effect.flip(connect(`${url}/nothing`))).status, 404)
      })

      yield* works
      const proxy = yield* proxiedOn(
        { upstream: up.url },
        Acceptor.layerServer(() => server, { path: "/live" }),
      )
      const client = yield* connect(`${url}/live/room`)
      yield* client.send("hello")
      assert.strictEqual(yield* client.next, "hello")
      yield* works
      yield* proxy.close
      assert.strictEqual((yield* client.closed).code, 1012)
      yield* works
      assert.strictEqual((yield* Effect.flip(connect(`${url}/live/room`))).status, 404)
    }),
  )
})

describe("a client that upgrades behind a request it has no answer to", () => {
  for (const path of ["/live/x", "/elsewhere"]) {
    it.live(`at ${path} does not take the host down`, () =>
      Effect.gen(function* () {
        const app = yield* host
        const up = yield* echo
        yield* proxiedOn(
          { upstream: up.url },
          Acceptor.layerServer(() => app.server, { path: "/live" }),
        )
        const client = yield* Raw.dial(app.address)
        client.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n${Raw.upgradeRequest({ first: `GET ${path} HTTP/1.1` })}`)
        yield* client.closed
        assert.strictEqual((yield* Pages.get(app.address, { path: "/page" })).body.toString(), "page /page")
      }),
    )
  }
})
