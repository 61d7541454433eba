/**
 * Certificates and keys from the files that settings name. Read at the start and again on SIGHUP.
 */
import type * as Acceptor from "@holdfast/websocket/Acceptor"
import type * as Dialer from "@holdfast/websocket/Dialer"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import { whyNot } from "./configFile.ts"
import { UsageError } from "./failure.ts"
import type { Resolved } from "./resolve.ts"
import type { proxy } from "./tables.ts"

type Settings = Resolved<typeof proxy>

/** What the listeners show to clients; nothing when they speak plainly. */
export const serverTls = Effect.fnUntraced(function* (
  settings: Settings,
): Effect.fn.Return<Acceptor.Tls | undefined, UsageError, FileSystem.FileSystem> {
  const cert = yield* pem(settings, "tls-cert", certificate)
  const key = yield* pem(settings, "tls-key", privateKey)
  const clientCa = yield* pem(settings, "client-ca", certificate)
  return cert === undefined || key === undefined ? undefined : { cert, key: Redacted.make(key), clientCa }
})

/** What the upstream is checked against and shown. */
export const upstreamTls = Effect.fnUntraced(function* (
  settings: Settings,
): Effect.fn.Return<Dialer.Tls, UsageError, FileSystem.FileSystem> {
  const ca = yield* pem(settings, "upstream-ca", certificate)
  const both = yield* pem(settings, "upstream-cert", certificate)
  if (both === undefined) return { ca }
  if (!privateKey.pattern.test(both)) return yield* lacks(settings, "upstream-cert", privateKey)
  return { ca, cert: blocks(both, certificate), key: Redacted.make(blocks(both, privateKey)) }
})

/** A secret of one line. */
export const token = Effect.fnUntraced(function* (path: string | undefined, where: string) {
  if (path === undefined) return undefined
  const text = (yield* content(path, where)).trim()
  if (text === "" || /\s/.test(text)) {
    return yield* new UsageError({ message: `${where}: expected one line with a token in ${path}` })
  }
  return Redacted.make(text)
})

interface Pem {
  readonly what: string
  readonly pattern: RegExp
}
const certificate: Pem = {
  what: "a certificate",
  pattern: /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[\s\S]+?-----END \1-----/,
}
const privateKey: Pem = {
  what: "a private key",
  pattern: /-----BEGIN ((?:\w+ )?PRIVATE KEY)-----[\s\S]+?-----END \1-----/,
}

type PemFlag = "tls-cert" | "tls-key" | "client-ca" | "upstream-ca" | "upstream-cert"

const pem = Effect.fnUntraced(function* (settings: Settings, flag: PemFlag, kind: Pem) {
  const path = settings.values[flag]
  if (path === undefined) return undefined
  const text = yield* content(path, settings.sources[flag].where)
  return kind.pattern.test(text) ? text : yield* lacks(settings, flag, kind)
})

const blocks = (text: string, { pattern }: Pem): string =>
  Array.from(text.matchAll(new RegExp(pattern, "g")), ([block]) => block).join("\n")

const lacks = ({ sources, values }: Settings, flag: PemFlag, { what }: Pem) =>
  new UsageError({ message: `${sources[flag].where}: expected ${what} as PEM in ${values[flag]}` })

const content = Effect.fnUntraced(function* (path: string, where: string) {
  const files = yield* FileSystem.FileSystem
  return yield* files
    .readFileString(path)
    .pipe(Effect.mapError((error) => new UsageError({ message: `${where}: cannot read ${path}: ${whyNot(error)}` })))
})
