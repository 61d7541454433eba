import { connect as connectTls } from "node:tls"
import * as Https from "node:https"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Acceptor } from "@holdfast/websocket"
import { Context, Effect, Exit, Redacted } from "effect"
import * as Certificates from "./kit/certificates.ts"
import * as Pages from "./kit/pages.ts"
import { connect, echo, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"
import { service } from "./kit/services.ts"

const possible = service("openssl", Certificates.available)
const { ca, of } = possible
  ? Certificates.authority("ca", { first: "server", second: "server", friend: "client" })
  : { ca: "", of: () => ({ cert: "", key: "" }) }
const rogue = possible ? Certificates.authority("rogue", { stranger: "client" }) : { ca: "", of }
const shown = (name: string) => ({ cert: of(name).cert, key: Redacted.make(of(name).key) })

const wss = (address: string) => `wss://${address}`

// The name on the certificate that a new connection is shown.
const certificate = Effect.fnUntraced(function* (address: string, own?: Certificates.Pair) {
  const [host, port] = address.split(":")
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => connectTls({ host, port: Number(port), ca, ...own })),
    (opened) => Effect.sync(() => opened.destroy()),
  )
  return yield* Effect.callback<unknown>((resume) => {
    socket.on("secureConnect", () => resume(Effect.succeed(socket.getPeerCertificate().subject.CN)))
    socket.on("error", (error) => resume(Effect.succeed(error.message)))
  })
})

describe.runIf(possible)("a proxy that listens with TLS", () => {
  it.live("serves wss, and tells the upstream that it did", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ upstream: up.url }, { tls: shown("first") })
      const client = yield* connect(wss(proxy.address), [], { ca })
      const peer = yield* up.accepted
      assert.strictEqual(peer.http.headers["x-forwarded-proto"], "https")
      yield* client.send(Buffer.alloc(3_000_000, 7))
      assert.deepStrictEqual(yield* peer.next, Buffer.alloc(3_000_000, 7))
      peer.ws.close(4001, "bye")
      assert.deepStrictEqual(yield* client.closed, { code: 4001, reason: "bye" })
    }),
  )

  it.live("cuts a connection that never finishes its TLS handshake in the time of any other", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url }, { tls: shown("first"), handshakeTimeout: "300 millis" })
      const client = yield* Raw.dial(proxy.address)
      yield* client.closed
    }),
  )

  it.live("lets in only clients with a certificate of the authority it was given", () =>
    Effect.gen(function* () {
      const up = yield* echo
      const tls = { ...shown("first"), clientCa: ca }
      const proxy = yield* proxied({ upstream: up.url }, { tls })
      yield* connect(wss(proxy.address), [], { ca, ...of("friend") })
      for (const options of [{ ca }, { ca, ...rogue.of("stranger") }]) {
        const refusal = yield* Effect.flip(connect(wss(proxy.address), [], options))
        assert.strictEqual(refusal.status, 0)
      }
      assert.strictEqual(up.server.clients.size, 1)
    }),
  )

  it.live("shows a replaced certificate to new connections, and old ones live on", () =>
    Effect.gen(function* () {
      const up = yield* echo
      const proxy = yield* proxied({ upstream: up.url }, { tls: shown("first") })
      const { replaceTls } = Context.get(proxy.context, Acceptor.Acceptor)
      const client = yield* connect(wss(proxy.address), [], { ca })
      assert.strictEqual(yield* certificate(proxy.address), "first")
      yield* replaceTls(shown("second"))
      assert.strictEqual(yield* certificate(proxy.address), "second")
      yield* client.send("still here")
      assert.strictEqual(yield* client.next, "still here")
    }),
  )

  it.live("keeps its certificate when the new one cannot be used, and says so", () =>
    Effect.gen(function* () {
      const up = yield* echo
      const proxy = yield* proxied({ upstream: up.url }, { tls: { ...shown("first"), clientCa: ca } })
      const { replaceTls } = Context.get(proxy.context, Acceptor.Acceptor)
      const bad = [
        { cert: "nonsense", key: Redacted.make("nonsense"), clientCa: ca },
        { cert: "", key: Redacted.make(""), clientCa: ca },
        { ...shown("second"), clientCa: "" },
        { cert: of("second").cert, key: Redacted.make(of("first").key), clientCa: ca },
        { ...shown("second"), clientCa: "nonsense" },
      ]
      for (const tls of bad) {
        const error = yield* Effect.flip(replaceTls(tls))
        assert.strictEqual(error._tag, "ListenError")
        assert.notInclude(error.message, of("first").key.slice(30, 60))
        assert.strictEqual(yield* certificate(proxy.address, of("friend")), "first")
      }
    }),
  )

  it.live("trusts a replaced authority for new clients, and does not drop the question", () =>
    Effect.gen(function* () {
      const up = yield* echo
      const proxy = yield* proxied({ upstream: up.url }, { tls: { ...shown("first"), clientCa: rogue.ca } })
      const { replaceTls } = Context.get(proxy.context, Acceptor.Acceptor)
      yield* connect(wss(proxy.address), [], { ca, ...rogue.of("stranger") })
      yield* replaceTls({ ...shown("second"), clientCa: ca })
      yield* connect(wss(proxy.address), [], { ca, ...of("friend") })
      for (const options of [{ ca }, { ca, ...rogue.of("stranger") }]) {
        assert.strictEqual((yield* Effect.flip(connect(wss(proxy.address), [], options))).status, 0)
      }
      assert.strictEqual((yield* Effect.flip(replaceTls(shown("second"))))._tag, "ListenError")
      assert.strictEqual((yield* Effect.flip(connect(wss(proxy.address), [], { ca }))).status, 0)
    }),
  )

  it.live("says so when client certificates are asked for too late", () =>
    Effect.gen(function* () {
      const up = yield* echo
      const proxy = yield* proxied({ upstream: up.url }, { tls: shown("first") })
      const { replaceTls } = Context.get(proxy.context, Acceptor.Acceptor)
      const error = yield* Effect.flip(replaceTls({ ...shown("second"), clientCa: ca }))
      assert.include(error.message, "client certificates")
      assert.strictEqual(yield* certificate(proxy.address), "first")
    }),
  )

  it.live("says so when there is no TLS to show a certificate in", () =>
    Effect.gen(function* () {
      const proxy = yield* proxied({ upstream: "ws://127.0.0.1:9" })
      const { replaceTls } = Context.get(proxy.context, Acceptor.Acceptor)
      assert.include((yield* Effect.flip(replaceTls(shown("first")))).message, "without TLS")
    }),
  )

  it.live("does not start with a certificate that cannot be used", () =>
    Effect.gen(function* () {
      const tls = { cert: "nonsense", key: Redacted.make("nonsense") }
      const exit = yield* Effect.exit(proxied({ upstream: "ws://127.0.0.1:9" }, { tls }))
      assert.isTrue(Exit.isFailure(exit))
      assert.include(`${Exit.isFailure(exit) && exit.cause}`, "ListenError")
    }),
  )
})

// A wss upstream, and what its server requires of clients.
const secured = Effect.fnUntraced(function* (options: Https.ServerOptions = {}) {
  const server = yield* Effect.acquireRelease(
    Effect.callback<Https.Server>((resume) => {
      const listening = Https.createServer({ ...of("first"), ...options }, (request, response) =>
        response.end(`page ${request.url}`),
      )
      listening.listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
    }),
    (listening) =>
      Effect.callback<void>((resume) => {
        listening.close(() => resume(Effect.void))
        listening.closeAllConnections()
      }),
  )
  const { port } = server.address() as AddressInfo // it listens on TCP
  const up = yield* upstream({ server, port: undefined, host: undefined })
  return { up, url: `wss://127.0.0.1:${port}` }
})

describe.runIf(possible)("a wss upstream", () => {
  it.live("is reached when its authority is trusted", () =>
    Effect.gen(function* () {
      const { up, url } = yield* secured()
      const proxy = yield* proxied({ upstream: url, upstreamTls: { ca } })
      const client = yield* connect(proxy.url)
      const peer = yield* up.accepted
      yield* peer.send("hello")
      assert.strictEqual(yield* client.next, "hello")
    }),
  )

  it.live("that nobody vouches for is a 502, and the reason is on record", () =>
    Effect.gen(function* () {
      const { up, url } = yield* secured()
      for (const upstreamTls of [undefined, { ca: rogue.ca }]) {
        const proxy = yield* proxied({ upstream: url, upstreamTls })
        assert.strictEqual((yield* Effect.flip(connect(proxy.url))).status, 502)
        assert.include(JSON.stringify(yield* proxy.event("Failed")), '"result":"tls"')
      }
      assert.strictEqual(up.server.clients.size, 0)
    }),
  )

  it.live("is asked plain requests over TLS too, and a 502 when it cannot be trusted", () =>
    Effect.gen(function* () {
      const { url } = yield* secured({ ca, requestCert: true, rejectUnauthorized: true })
      const trusting = { http: "forward", upstreamTls: { ca, ...shown("friend") } } as const
      const proxy = yield* proxied({ upstream: url, ...trusting })
      const page = yield* Pages.get(proxy.address, { path: "/a?b" })
      assert.deepStrictEqual([page.status, page.body.toString()], [200, "page /a?b"])
      for (const upstreamTls of [{ ca }, { ca: rogue.ca, ...shown("friend") }, undefined]) {
        const other = yield* proxied({ upstream: url, http: "forward", upstreamTls })
        assert.strictEqual((yield* Pages.get(other.address)).status, 502)
      }
    }),
  )

  it.live("that requires a certificate is reached with one, and a 502 without", () =>
    Effect.gen(function* () {
      const { up, url } = yield* secured({ ca, requestCert: true, rejectUnauthorized: true })
      const without = yield* proxied({ upstream: url, upstreamTls: { ca } })
      assert.strictEqual((yield* Effect.flip(connect(without.url))).status, 502)
      const proxy = yield* proxied({ upstream: url, upstreamTls: { ca, ...shown("friend") } })
      yield* connect(proxy.url)
      yield* up.accepted
    }),
  )
})
