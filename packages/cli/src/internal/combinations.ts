/**
 * Settings that are fine alone and wrong together.
 */
import * as Bytes from "@holdfast/core/Bytes"
import * as Proxy from "@holdfast/websocket/Proxy"
import { isLoopback } from "./adminServer.ts"
import * as Compat from "./compat.ts"
import { UsageError } from "./failure.ts"
import type { Resolved } from "./resolve.ts"
import type * as Tables from "./tables.ts"
import { formatAddress } from "./values.ts"

/** What is wrong with those of the proxy, or nothing. */
export const problemOfProxy = (settings: Resolved<typeof Tables.proxy>): UsageError | undefined => {
  const { sources, values } = settings
  const given = (flag: keyof typeof values) => sources[flag].name !== undefined
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
  const { compat, mode, "on-upstream-loss": onLoss, "per-connection": perConnection } = values
  if (mode !== "session" && given("linger")) return needs("linger", `--mode session, got ${mode}`)
  if (mode !== "receiver" && perConnection) return needs("per-connection", `--mode receiver, got ${mode}`)
  if (compat !== "off" && mode === "receiver") return needs("compat", "--mode session or sender, got receiver")
  if (!perConnection && values["trust-connection-id"]) return needs("trust-connection-id", "--per-connection too")
  if (compat === "off" && values["upstream-handshake"] === "none" && given("gate-timeout")) {
    return needs("gate-timeout", "--upstream-handshake first-message, got none")
  }
  for (const flag of ["upstream-retry-budget", "backoff"] as const) {
    if (onLoss === "close" && given(flag)) return needs(flag, "--on-upstream-loss reconnect, got close")
  }
  if (mode === "receiver" && !perConnection) {
    const forEver = "--per-connection too, because a shared upstream is dialled for ever"
    if (onLoss === "close") return needs("on-upstream-loss", forEver)
    if (given("upstream-retry-budget")) return needs("upstream-retry-budget", forEver)
  }
  return problemOfMemory(settings) ?? problemOfAdmin(settings)
}

const problemOfMemory = ({ sources, values }: Resolved<typeof Tables.proxy>): UsageError | undefined => {
  const { "max-message": message, memory } = values
  if (4 * message <= memory) return undefined
  const { name } = sources.memory
  const [flag, expected, got] =
    name !== undefined && name !== Compat.here
      ? (["memory", `at least ${Bytes.format(4 * message)}, four times --max-message`, memory] as const)
      : (["max-message", `at most ${Bytes.format(Math.floor(memory / 4))}, a quarter of --memory`, message] as const)
  return new UsageError({ message: `${sources[flag].where}: expected ${expected}, got ${Bytes.format(got)}` })
}

/** What is wrong with those of the fault proxy, or nothing. */
export const problemOfChaos = (settings: Resolved<typeof Tables.chaos>): UsageError | undefined => {
  const { sources, values } = settings
  const { api, fault, plan, record } = values
  if (plan !== undefined && fault !== undefined) {
    return new UsageError({ message: `${sources.fault.where}: needs no --plan beside it, got both` })
  }
  if (plan === undefined && fault === undefined && api === undefined && record === undefined) {
    const message = "--plan, --fault, --api or --record is required: nothing would ever go wrong"
    return new UsageError({ message })
  }
  if (api !== undefined && !isLoopback(api)) {
    const message = `${sources.api.where}: expected a loopback address such as 127.0.0.1:8474, got ${formatAddress(api)}: the API asks nobody who they are`
    return new UsageError({ message })
  }
  return problemOfAdmin(settings)
}

/** What is wrong with an admin listener, or nothing. */
export const problemOfAdmin = ({
  sources,
  values,
}: Resolved<Pick<typeof Tables.proxy, "admin" | "admin-token-file">>): UsageError | undefined => {
  const { admin, "admin-token-file": token } = values
  if (admin === "off" && token !== undefined) {
    return new UsageError({ message: `${sources["admin-token-file"].where}: needs --admin HOST:PORT, got off` })
  }
  if (admin === "off" || isLoopback(admin) || token !== undefined) return undefined
  const message = `${sources.admin.where}: ${formatAddress(admin)} is not on loopback, so it needs --admin-token-file`
  return new UsageError({ message })
}
