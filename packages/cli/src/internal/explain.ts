/**
 * Settings as sentences: what a program promises with them. Every sentence must be true of what the program does, so it changes
 * together with the code.
 */
import * as Proxy from "@holdfast/websocket/Proxy"
import * as Duration from "effect/Duration"
import * as Bytes from "@holdfast/core/Bytes"
import { isLoopback } from "./adminServer.ts"
import type { Resolved } from "./resolve.ts"
import type { Table } from "./setting.ts"
import type * as Tables from "./tables.ts"
import { type Address, formatAddress, formatDuration } from "./values.ts"

/** What `holdfast proxy` promises. */
export const explainProxy = (settings: Resolved<typeof Tables.proxy>): string => {
  const { values } = settings
  const from = sourcesOf(settings)
  const secure = values["tls-cert"] !== undefined
  const handshake = `${time(values["handshake-timeout"])}${from("handshake-timeout")}`
  const dials = values["max-dials"] === 1 ? "1 upstream is" : `${number(values["max-dials"])} upstreams are`
  return lines(
    `Clients of ${secure ? "wss" : "ws"}://${where(values.listen)}${from("listen")} are joined to ` +
      `${Proxy.nameOf(values.upstream)}${from("upstream")}, each over a connection of its own.`,
    secure
      ? `They see the certificate in ${values["tls-cert"]}${from("tls-cert")}, which is read again on SIGHUP.`
      : "Their connections are not encrypted.",
    values["client-ca"] !== undefined &&
      `They must show a certificate of an authority in ${values["client-ca"]}${from("client-ca")}.`,
    "A client chooses path and query below the upstream's URL, never its host.",
    `The upstream is dialled before a client gets its answer. It has ${handshake}, then the client gets 504; ` +
      "one that cannot be reached is 502, and its own answer passes as it is.",
    Proxy.isSecure(values.upstream) &&
      (values["upstream-ca"] === undefined
        ? "It must show a certificate of an authority the system trusts."
        : `It must show a certificate of an authority in ${values["upstream-ca"]}${from("upstream-ca")}.`),
    values["upstream-cert"] !== undefined &&
      `It is shown the certificate in ${values["upstream-cert"]}${from("upstream-cert")}.`,
    `Up to ${dials} dialled at a time${from("max-dials")}; the others wait their turn within that same time, then they get 504 or 503.`,
    `Up to ${number(values["max-sessions"])} sessions at a time${from("max-sessions")}; beyond that 503 with Retry-After.`,
    `A message may be up to ${size(values["max-message"])}${from("max-message")}; a larger one ends its connection with 1009.`,
    "When one side is slow, the other is not read meanwhile.",
    `Every client may make it hold one unfinished message: at worst ${roughly(values["max-message"] * values["max-sessions"])} in all.`,
    "When one side says goodbye, the other is told the same close code. A client that vanishes or breaks the protocol is 1001 for " +
      "the upstream, an upstream that vanishes 1014 for the client.",
    "Nothing is kept for a client that comes back: a session ends with the first of its two connections.",
    values.http === "refuse"
      ? `Plain HTTP gets 426${from("http")}.`
      : `Plain HTTP goes on to the upstream's origin${from("http")}; when that is away it gets 502, when it is silent for a minute 504.`,
    values.forwarded
      ? `The upstream learns of the client in x-forwarded-for, -proto and -host${from("forwarded")}.`
      : `The upstream is not told who the client is${from("forwarded")}.`,
    ...explainAdmin(settings, { orElseFree: from("admin") === "" }),
    explainStop(settings),
    explainLog(settings),
  )
}

/** What `holdfast up` promises. */
export const explainUp = (settings: Resolved<typeof Tables.up>): string => {
  const { values } = settings
  const from = sourcesOf(settings)
  return lines(
    `An echo upstream on a free port of this machine, a proxy on ws://${where(values.listen)}${from("listen")} in front of it, ` +
      `and a client that sends ${number(values.rate)} numbered messages a second${from("rate")} through both.`,
    "Each message must come back once and in order; what does not is counted and makes the exit code 1.",
    values.for === undefined
      ? "It runs until SIGINT or SIGTERM."
      : `It stops by itself after ${time(values.for)}${from("for")}.`,
    ...explainAdmin(settings, { orElseFree: false }),
    explainLog(settings),
  )
}

/** What `holdfast status` promises. */
export const explainStatus = (settings: Resolved<typeof Tables.status>): string => {
  const { values } = settings
  const from = sourcesOf(settings)
  return lines(
    `Asks ${values.admin}${from("admin")} whether it is ready, and for its links and sessions; each question has 5 s.`,
    values["token-file"] !== undefined && `It shows the token in ${values["token-file"]}${from("token-file")}.`,
    "Exit code 0 when it is ready, 1 when it is not or does not answer.",
  )
}

const explainAdmin = (
  settings: Resolved<Pick<typeof Tables.proxy, "admin" | "admin-token-file" | "log-level">> & {
    readonly values: { readonly "tls-cert"?: string | undefined }
  },
  { orElseFree }: { readonly orElseFree: boolean },
): ReadonlyArray<string | false> => {
  const { admin, "admin-token-file": token, "tls-cert": cert } = settings.values
  const from = sourcesOf(settings)
  if (admin === "off") return [`There are no metrics, no health and no API${from("admin")}.`]
  const local = isLoopback(admin)
  const scheme = !local && cert !== undefined ? "https" : "http"
  return [
    `Metrics, health and API are on ${scheme}://${where(admin)}${from("admin")}` +
      `${orElseFree ? ", or on a free port when that one is taken" : ""}${local ? ", for this machine only" : ""}.`,
    token !== undefined && `All but /livez and /readyz need the token in ${token}${from("admin-token-file")}.`,
  ]
}

const explainStop = (
  settings: Resolved<Pick<typeof Tables.proxy, "admin" | "drain-delay" | "drain-timeout">>,
): string => {
  const { admin, "drain-delay": delay, "drain-timeout": timeout } = settings.values
  const from = sourcesOf(settings)
  const ready = admin === "off" ? "" : "/readyz turns 503; "
  const serving = Duration.isZero(delay) ? "" : `clients are served for ${time(delay)} more${from("drain-delay")}; `
  return (
    `On SIGTERM or SIGINT ${ready}${serving}nobody new is let in, sessions are closed with 1012, spread over ` +
    `${time(Duration.times(timeout, 0.5))}, and what is left after ${time(timeout)}${from("drain-timeout")} is cut. ` +
    "The exit code is 0. A second signal ends everything at once with 1."
  )
}

const explainLog = (settings: Resolved<Pick<typeof Tables.proxy, "log-level" | "log-format">>): string => {
  const { "log-format": format, "log-level": level } = settings.values
  const from = sourcesOf(settings)
  if (level === "none") return `Nothing is logged${from("log-level")}.`
  const shape = format === "json" ? "one JSON object per line" : "lines for people"
  return `The log goes to stderr as ${shape}${from("log-format")}, ${level} and worse${from("log-level")}.`
}

const sourcesOf =
  <T extends Table>({ sources }: Resolved<T>) =>
  (flag: keyof T): string => {
    const { name } = sources[flag]
    return name === undefined ? "" : ` (from ${name})`
  }

const lines = (...sentences: ReadonlyArray<string | false>): string =>
  sentences.flatMap((sentence) => (sentence === false ? [] : [`${sentence}\n`])).join("")

const where = (address: Address): string =>
  address.port === 0 ? `${formatAddress(address).replace(/:0$/, "")} on a free port` : formatAddress(address)

const apart = (text: string): string => text.replace(/(\d)([A-Za-z])/, "$1 $2")
const time = (duration: Duration.Duration): string => apart(formatDuration(duration))
const size = (bytes: number): string => apart(Bytes.format(bytes))
const roughly = (bytes: number): string =>
  bytes < 1024 ** 3 ? size(bytes) : `${Math.round(bytes / 1024 ** 3).toLocaleString("en-US")} GiB`
const number = (value: number): string => value.toLocaleString("en-US")
