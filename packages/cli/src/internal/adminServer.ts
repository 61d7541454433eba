/**
 * Platform file: HTTP servers of their own: the admin listener with the dashboard on it, and plain ones with other routes.
 */
import * as Http from "node:http"
import * as Https from "node:https"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Dashboard from "@holdfast/dashboard/Dashboard"
import type * as Acceptor from "@holdfast/websocket/Acceptor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerError from "effect/http/HttpServerError"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { RunError } from "./failure.ts"
import { type Address, formatAddress } from "./values.ts"

/** How to listen. */
export interface Options {
  readonly at: Address
  /** Take any free port of the host when this one is taken. */
  readonly orElseFree: boolean
  /** Needed by every route but health. */
  readonly token: Redacted.Redacted<string> | undefined
  readonly tls: Acceptor.Tls | undefined
  readonly build: Dashboard.Options["build"]
}

/** A listener. */
export interface Admin {
  readonly url: string
  /** Shows this certificate from the next connection on. */
  readonly replaceTls: (tls: Acceptor.Tls) => Effect.Effect<void, RunError>
}

/** Whether only this machine can reach it. */
export const isLoopback = ({ host }: Address): boolean => /^(localhost|127(\.\d{1,3}){3}|::1)$/i.test(host)

/** Listens until the scope closes; connections that are still busy then have a second. */
export const listen = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Admin, RunError, Scope.Scope> {
  const opened = open(options, options.at)
  const server = yield* (
    options.orElseFree ? Effect.catchIf(opened, isTaken, () => open(options, { ...options.at, port: 0 })) : opened
  ).pipe(Effect.mapError(runError(options.at)))
  return {
    url: `${options.tls === undefined ? "http" : "https"}://${boundAddress(server)}`,
    replaceTls: (tls) =>
      attempt(() => {
        if (server instanceof Https.Server) server.setSecureContext(certificate(tls))
      }).pipe(Effect.mapError(runError(options.at))),
  }
})

const open = Effect.fnUntraced(function* (options: Options, { host, port }: Address) {
  const { build, tls, token } = options
  const server = yield* attempt(() => (tls === undefined ? Http.createServer() : Https.createServer(certificate(tls))))
  const hosts = isLoopback(options.at) ? [] : "any"
  yield* serve(server, { host, port }, Dashboard.layer({ token, hosts, build }))
  return server
})

/** Serves these routes over plain HTTP until the scope closes; the answer is where. */
export const listenPlain = Effect.fnUntraced(function* (
  at: Address,
  routes: Layer.Layer<never, never, HttpRouter.HttpRouter>,
): Effect.fn.Return<string, RunError, Scope.Scope> {
  const server = yield* attempt(() => Http.createServer()).pipe(
    Effect.tap((server) => serve(server, at, routes)),
    Effect.mapError(runError(at)),
  )
  return `http://${boundAddress(server)}`
})

const serve = Effect.fnUntraced(function* (
  server: Http.Server,
  { host, port }: Address,
  routes: Layer.Layer<never, never, HttpRouter.HttpRouter>,
) {
  const app = HttpRouter.serve(routes, { disableListenLog: true, disableLogger: true })
  const node = NodeHttpServer.layer(() => server, { host, port, gracefulShutdownTimeout: "1 second" })
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => closeSoon(scope, server))
  yield* Layer.buildWithScope(Layer.provide(app, node), scope)
})

const attempt = <A>(make: () => A): Effect.Effect<A, HttpServerError.ServeError> =>
  Effect.try({ try: make, catch: (cause) => new HttpServerError.ServeError({ cause }) })

// Event streams never end by themselves, and a server waits for all of its connections.
const closeSoon = (scope: Scope.Closeable, server: Http.Server) =>
  Effect.gen(function* () {
    const cut = Effect.delay(
      Effect.sync(() => server.closeAllConnections()),
      "1 second",
    )
    yield* Effect.forkScoped(Effect.interruptible(cut))
    yield* Scope.close(scope, Exit.void)
  }).pipe(Effect.scoped)

const certificate = (tls: Acceptor.Tls): Https.ServerOptions => ({ cert: tls.cert, key: Redacted.value(tls.key) })

const boundAddress = (server: Http.Server): string => {
  const bound = server.address()
  // A server that listens on a host and a port has an address of this shape; text is for pipes, null for one that is closed.
  return typeof bound === "string" || bound === null
    ? String(bound)
    : formatAddress({ host: bound.address, port: bound.port })
}

const codeOf = ({ cause }: HttpServerError.ServeError): unknown =>
  typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined

const isTaken = (error: HttpServerError.ServeError): boolean => codeOf(error) === "EADDRINUSE"

const runError =
  (at: Address) =>
  (error: HttpServerError.ServeError): RunError => {
    const { cause } = error
    const why = isTaken(error) ? "the port is in use" : cause instanceof Error ? cause.message : String(cause)
    return new RunError({ message: `cannot listen on ${formatAddress(at)}: ${why}` })
  }
