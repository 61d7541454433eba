/**
 * `holdfast proxy`: the WebSocket proxy as a program. What it promises is said in `explain`, how it proxies in `@holdfast/websocket`.
 */
import type * as Acceptor from "@holdfast/websocket/Acceptor"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { isLoopback } from "../internal/adminServer.ts"
import { problemOfProxy } from "../internal/combinations.ts"
import { compatible } from "../internal/compat.ts"
import { explainProxy } from "../internal/explain.ts"
import type { RunError } from "../internal/failure.ts"
import { flagsOf, givenIn } from "../internal/flags.ts"
import * as FrontDoor from "../internal/frontDoor.ts"
import * as Host from "../internal/host.ts"
import * as Process from "../internal/process.ts"
import { proxyOptions } from "../internal/proxyOptions.ts"
import { type Given, type Resolved, resolve } from "../internal/resolve.ts"
import * as Tables from "../internal/tables.ts"
import * as TlsFiles from "../internal/tlsFiles.ts"
import { formatAddress } from "../internal/values.ts"

type Settings = Resolved<typeof Tables.proxy>

/** The command. */
export const proxy = Command.make(
  "proxy",
  flagsOf(Tables.proxy),
  Effect.fnUntraced(function* (input) {
    const settings = yield* settingsOf(givenIn(input))
    if (!settings.values.explain) return yield* run(settings)
    const { out } = yield* Process.Process
    out(explainProxy(settings))
  }),
).pipe(
  Command.withDescription(
    "Join WebSocket clients to an upstream, and keep them joined when either vanishes for a while: real handshakes, exact close codes, " +
      "bounded memory, and a receipt for what may have been lost. " +
      "Every flag can also be HOLDFAST_<FLAG> in the environment or a key of the config file; flags win, then the environment.",
  ),
  Command.withShortDescription("Join WebSocket clients to an upstream"),
  Command.withExamples([
    {
      command: "holdfast proxy --upstream ws://127.0.0.1:9000",
      description: "Clients of ws://127.0.0.1:8080 reach port 9000",
    },
    {
      command:
        "holdfast proxy --upstream wss://feed.example/v1 --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem",
      description: "TLS on both sides; SIGHUP reads the certificate again",
    },
    { command: "holdfast proxy --config holdfast.yaml --explain", description: "What the settings promise, in words" },
  ]),
)

/** The settings in effect; a combination that makes no sense is an error. */
export const settingsOf = Effect.fnUntraced(function* (given: Given) {
  const settings = compatible(yield* resolve("proxy", given))
  const problem = problemOfProxy(settings)
  return problem === undefined ? settings : yield* problem
})

const run = Effect.fnUntraced(function* (settings: Settings) {
  const { sources, values } = settings
  const tls = yield* TlsFiles.serverTls(settings)
  const upstreamTls = yield* TlsFiles.upstreamTls(settings)
  const token = yield* TlsFiles.token(values["admin-token-file"], sources["admin-token-file"].where)
  const { admin: at } = values
  yield* Host.run({
    log: values,
    hangUp: true,
    admin: {
      at,
      orElseFree: sources.admin.name === undefined,
      token,
      tls: at === "off" || isLoopback(at) ? undefined : tls,
    },
    drainDelay: values["drain-delay"],
    start: Effect.fnUntraced(function* ({ admin, signals }) {
      const door = yield* FrontDoor.listen({
        listen: formatAddress(values.listen),
        tls,
        handshakeTimeout: values["handshake-timeout"],
        maxMessage: values["max-message"],
      })
      yield* FrontDoor.proxy(door, proxyOptions(values, upstreamTls))
      const again =
        tls === undefined ? nothingToRead : readAgain(settings, admin === undefined ? [door] : [door, admin])
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(signals.hangUp, again)))
      return { listeners: Host.listeners(admin, ["proxy", `${tls === undefined ? "ws" : "wss"}://${door.address}`]) }
    }),
  })
})

interface ShowsCertificate {
  readonly replaceTls: (tls: Acceptor.Tls) => Effect.Effect<void, Acceptor.ListenError | RunError>
}

const readAgain = (settings: Settings, listeners: ReadonlyArray<ShowsCertificate>) =>
  Effect.gen(function* () {
    const tls = yield* TlsFiles.serverTls(settings)
    if (tls === undefined) return
    for (const listener of listeners) yield* listener.replaceTls(tls)
    yield* Effect.logInfo("SIGHUP: new connections see the certificate as it is in its file now")
  }).pipe(
    // That it cannot listen is not the news here: it does, and goes on.
    Effect.catch((error) => {
      const why = error._tag === "ListenError" ? error.why : error.message
      return Effect.logError(`SIGHUP: the old certificate stays; ${why}`)
    }),
  )

const nothingToRead = Effect.logInfo("SIGHUP: there is no certificate to read again")
