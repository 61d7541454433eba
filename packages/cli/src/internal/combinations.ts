/**
 * Settings that are fine alone and wrong together.
 */
import * as Proxy from "@holdfast/websocket/Proxy"
import { isLoopback } from "./adminServer.ts"
import { UsageError } from "./failure.ts"
import type { Resolved } from "./resolve.ts"
import type * as Tables from "./tables.ts"
import { formatAddress } from "./values.ts"

/** What is wrong with those of the proxy, or nothing. */
export const problemOfProxy = (settings: Resolved<typeof Tables.proxy>): UsageError | undefined => {
  const { sources, values } = settings
  const needs = (flag: keyof typeof values, what: string) =>
    new UsageError({ message: `${sources[flag].where}: needs ${what}` })
  const { "client-ca": clientCa, "tls-cert": cert, "tls-key": key, upstream } = values
  if (cert !== undefined && key === undefined) return needs("tls-cert", "--tls-key too, its private key")
  if (key !== undefined && cert === undefined) return needs("tls-key", "--tls-cert too, the certificate of the key")
  if (clientCa !== undefined && cert === undefined) return needs("client-ca", "--tls-cert and --tls-key too")
  for (const flag of ["upstream-ca", "upstream-cert"] as const) {
    if (values[flag] !== undefined && !Proxy.isSecure(upstream)) {
      return needs(flag, `a wss:// upstream, got ${Proxy.nameOf(upstream)}`)
    }
  }
  return problemOfAdmin(settings)
}

/** What is wrong with an admin listener, or nothing. */
export const problemOfAdmin = ({
  sources,
  values,
}: Resolved<Pick<typeof Tables.proxy, "admin" | "admin-token-file">>): UsageError | undefined => {
  const { admin, "admin-token-file": token } = values
  if (admin === "off" || isLoopback(admin) || token !== undefined) return undefined
  const message = `${sources.admin.where}: ${formatAddress(admin)} is not on loopback, so it needs --admin-token-file`
  return new UsageError({ message })
}
