/**
 * Platform file: Node's HTTP server as an acceptor, on a port of its own or inside somebody else's server.
 */
import { createPrivateKey, X509Certificate } from "node:crypto"
import * as Http from "node:http"
import * as Https from "node:https"
import type { AddressInfo } from "node:net"
import * as Bytes from "@holdfast/core/Bytes"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Acceptor, Limits, ListenOptions, Tls } from "../Acceptor.ts"
import * as Door from "./door.ts"
import { ListenError } from "./listenError.ts"
import * as Target from "./target.ts"

/** Listens until the scope closes. */
export const listen = Effect.fnUntraced(function* (
  options: ListenOptions,
): Effect.fn.Return<Acceptor["Service"], ListenError, Scope.Scope> {
  const at = options.listen ?? "127.0.0.1:0"
  const { host, port } = yield* parse(at)
  const server = yield* Effect.acquireRelease(create(options, at), (opened) =>
    Effect.sync(() => {
      opened.close()
      opened.closeAllConnections()
    }),
  )
  const maxMessage = messageLimit(options)
  const door = Door.make({ path: "/", maxMessage })
  server.on("upgrade", door.upgrade)
  server.on("request", door.request)
  yield* bind(server, host, port, at)
  return {
    address: written(server.address()),
    maxMessage,
    earlyBytes: door.earlyBytes,
    serve: (handlers) =>
      door.serve(
        handlers,
        Effect.sync(() => void server.close()),
      ),
    replaceTls: (tls) =>
      attempt(at, () => {
        if (!(server instanceof Https.Server)) throw new Error("it listens without TLS")
        if ((tls.clientCa === undefined) !== (options.tls?.clientCa === undefined)) {
          throw new Error("client certificates cannot be switched on or off while it listens")
        }
        server.setSecureContext(tlsOptions(tls))
      }),
  }
})

/** Answers for one path of a server that is not ours. */
export const join = Effect.fnUntraced(function* (
  server: () => Http.Server,
  options: Pick<Limits, "maxMessage"> & { readonly path?: string | undefined },
): Effect.fn.Return<Acceptor["Service"], never, Scope.Scope> {
  const path = options.path ?? "/"
  const maxMessage = messageLimit(options)
  const door = Door.make({ path, maxMessage })
  yield* Effect.acquireRelease(
    Effect.sync(() => claim(server(), path, door)),
    (release) => Effect.sync(release),
  )
  return {
    address: path,
    maxMessage,
    earlyBytes: door.earlyBytes,
    serve: (handlers) => door.serve(handlers, Effect.void),
    replaceTls: () =>
      Effect.fail(new ListenError({ address: path, why: "the server is yours, and so is its certificate" })),
  }
})

const messageLimit = ({ maxMessage = "16MiB" }: Limits): number => {
  const bytes = Bytes.toNumber(maxMessage)
  if (bytes < 1) throw new RangeError("maxMessage must be at least 1 byte; `ws` would take 0 for no limit at all")
  return bytes
}

const create = (options: ListenOptions, at: string): Effect.Effect<Http.Server, ListenError> => {
  const headersTimeout = Duration.toMillis(Duration.fromInputUnsafe(options.handshakeTimeout ?? "10 seconds"))
  const limits = {
    headersTimeout,
    requestTimeout: Math.max(300_000, headersTimeout), // Node's default, or what it insists on
    maxHeaderSize: Bytes.toNumber(options.headerBytes ?? "16KiB"),
    // Some HTTP clients offer `Upgrade: h2c` with every request and mean a plain one. (Node before 22.21 does not ask: there it is 400.)
    shouldUpgradeCallback: ({ headers }: Http.IncomingMessage) => headers.upgrade?.toLowerCase() === "websocket",
    // Node looks for late headers this often; its default of 30 seconds would be the real deadline.
    connectionsCheckingInterval: Math.max(50, Math.min(1000, headersTimeout / 4)),
  }
  const { tls } = options
  return attempt(at, () =>
    tls === undefined
      ? Http.createServer(limits)
      : Https.createServer({ ...limits, handshakeTimeout: headersTimeout, ...tlsOptions(tls) }),
  )
}

const attempt = <A>(address: string, make: () => A): Effect.Effect<A, ListenError> =>
  Effect.try({
    try: make,
    catch: (error) => new ListenError({ address, why: error instanceof Error ? error.message : String(error) }),
  })

const tlsOptions = ({ cert, clientCa, key }: Tls): Https.ServerOptions => {
  // Node takes an empty or half-written file for none at all, and then fails every handshake.
  const authority = clientCa === undefined ? undefined : new X509Certificate(clientCa)
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(Redacted.value(key)))) {
    throw new Error("the key is not that of the certificate")
  }
  return {
    cert,
    key: Redacted.value(key),
    ...(authority === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  }
}

const bind = (server: Http.Server, host: string, port: number, address: string): Effect.Effect<void, ListenError> =>
  Effect.callback((resume) => {
    const failed = (error: NodeJS.ErrnoException) =>
      resume(
        Effect.fail(
          new ListenError({ address, why: error.code === "EADDRINUSE" ? "the port is in use" : error.message }),
        ),
      )
    server.once("error", failed)
    server.listen(port, host, () => {
      server.off("error", failed)
      resume(Effect.void)
    })
  })

/** `HOST:PORT`, an IPv6 host in brackets. */
const parse = (address: string): Effect.Effect<{ readonly host: string; readonly port: number }, ListenError> => {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address)
  const port = Number(match?.[3])
  return match === null || port > 65_535
    ? Effect.fail(new ListenError({ address, why: "expected HOST:PORT, for instance 127.0.0.1:8080" }))
    : Effect.succeed({ host: (match[1] ?? match[2])!, port })
}

// A listening TCP server answers with an `AddressInfo`; strings are for pipes, null for servers that do not listen.
const written = (address: AddressInfo | string | null): string => {
  if (address === null || typeof address === "string") return address ?? ""
  return address.family === "IPv6" ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`
}

// The `upgrade` listeners that are only there to answer what no proxy takes.
const last = new WeakSet<object>()

// Before any listener sees the event: Effect's own upgrade listener answers 404 to paths it does not route.
const claim = (server: Http.Server, path: string, door: Door.Door): (() => void) => {
  const inherited = server.emit
  let released = false
  const emit = (event: string, ...args: ReadonlyArray<unknown>): boolean => {
    const request = args[0]
    if (!released && request instanceof Http.IncomingMessage && Target.isBelow(path, request.url ?? "")) {
      // Node's own contract for the arguments of these two events.
      if (event === "upgrade") return (door.upgrade(...(args as Parameters<typeof door.upgrade>)), true)
      if (event === "request") return (door.request(...(args as Parameters<typeof door.request>)), true)
    }
    return Reflect.apply(inherited, server, [event, ...args])
  }
  server.emit = emit
  // Without a listener Node treats upgrades as plain requests; with ours alone, those of other paths must be answered here.
  const other = (request: Http.IncomingMessage, socket: Parameters<typeof door.upgrade>[1]) => {
    const all = server.listeners("upgrade")
    if (all[0] !== other || !all.every((one) => last.has(one))) return
    socket.on("error", () => {}) // its close event tells
    Door.refuseUpgrade(request, socket, 404, "nothing takes WebSockets here")
  }
  last.add(other)
  server.on("upgrade", other)
  return () => {
    released = true
    // Who has wrapped us since still calls us: then everything passes.
    if (server.emit === emit) server.emit = inherited
    server.off("upgrade", other)
  }
}
