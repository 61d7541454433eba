/**
 * Settings as sentences: what a program promises with them. Every sentence must be true of what the program does, so it changes
 * together with the code.
 */
import * as Proxy from "@holdfast/websocket/Proxy"
import * as Duration from "effect/Duration"
import { isLoopback } from "./adminServer.ts"
import { explainAdmission, explainSessions, joined } from "./explainSessions.ts"
import type { Resolved } from "./resolve.ts"
import { lines, number, type Sentence, size, sourcesOf, time, where } from "./sentences.ts"
import type * as Tables from "./tables.ts"

/** What `holdfast proxy` promises. */
export const explainProxy = (settings: Resolved<typeof Tables.proxy>): string => {
  const { values } = settings
  const from = sourcesOf(settings)
  const secure = values["tls-cert"] !== undefined
  const about = lines(
    `Clients of ${secure ? "wss" : "ws"}://${where(values.listen)}${from("listen")} are joined to ` +
      `${Proxy.nameOf(values.upstream)}${from("upstream")}, ${joined(settings)}.`,
    secure
      ? `They see the certificate in ${values["tls-cert"]}${from("tls-cert")}, which is read again on SIGHUP.`
      : "Their connections are not encrypted.",
    values["client-ca"] !== undefined &&
      `They must show a certificate of an authority in ${values["client-ca"]}${from("client-ca")}.`,
    ...explainAdmission(settings),
    Proxy.isSecure(values.upstream) &&
      (values["upstream-ca"] === undefined
        ? "It must show a certificate of an authority the system trusts."
        : `It must show a certificate of an authority in ${values["upstream-ca"]}${from("upstream-ca")}.`),
    values["upstream-cert"] !== undefined &&
      `It is shown the certificate in ${values["upstream-cert"]}${from("upstream-cert")}.`,
    `A message may be up to ${size(values["max-message"])}${from("max-message")}; a larger one ends its connection with 1009.`,
  )
  const around = lines(
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
  return [about, explainSessions(settings), around].join("")
}

/** What `holdfast up` promises. */
export const explainUp = (settings: Resolved<typeof Tables.up>): string => {
  const { values } = settings
  const from = sourcesOf(settings)
  return lines(
    `An echo upstream on a free port of this machine, a proxy on ws://${where(values.listen)}${from("listen")} in front of it, ` +
      `and a client that sends ${number(values.rate)} numbered messages a second${from("rate")} through both.`,
    ...explainCounts(settings),
    values.for === undefined
      ? "It runs until SIGINT or SIGTERM."
      : `It stops by itself after ${time(values.for)}${from("for")}.`,
    ...explainAdmin(settings, { orElseFree: false }),
    explainLog(settings),
  )
}

const explainCounts = (settings: Resolved<typeof Tables.up>): ReadonlyArray<Sentence> => {
  const from = sourcesOf(settings)
  if (!settings.values.chaos) {
    return ["Each message must come back once and in order; what does not is counted and makes the exit code 1."]
  }
  return [
    `Every 2 to 5 s the upstream is killed without a goodbye${from("chaos")}, and started again on its port 200 ms to 1 s later.`,
    "Uncertain are messages the proxy had sent to the upstream without seeing them confirmed; it says so in its receipts, and some of " +
      "them come back all the same.",
    "Cut off are echoes that were on their way back from the upstream when it was killed: it was their sender, so nobody is left " +
      "who could answer for them. Nothing is sent again.",
    "What is missing beside these is lost. That, a message that comes twice and one out of order make the exit code 1.",
  ]
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

/** Where the admin listener is, and who may ask it. */
export const explainAdmin = (
  settings: Resolved<Pick<typeof Tables.proxy, "admin" | "admin-token-file" | "log-level">> & {
    readonly values: { readonly "tls-cert"?: string | undefined }
  },
  { orElseFree }: { readonly orElseFree: boolean },
): ReadonlyArray<Sentence> => {
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

/** Where the log goes. */
export const explainLog = (settings: Resolved<Pick<typeof Tables.proxy, "log-level" | "log-format">>): string => {
  const { "log-format": format, "log-level": level } = settings.values
  const from = sourcesOf(settings)
  if (level === "none") return `Nothing is logged${from("log-level")}.`
  const shape = format === "json" ? "one JSON object per line" : "lines for people"
  return `The log goes to stderr as ${shape}${from("log-format")}, ${level} and worse${from("log-level")}.`
}
