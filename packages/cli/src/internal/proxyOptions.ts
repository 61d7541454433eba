/**
 * The settings of `holdfast proxy` as options of the proxy's Layer.
 */
import * as Backoff from "@holdfast/core/Backoff"
import type * as Dialer from "@holdfast/websocket/Dialer"
import type * as Proxy from "@holdfast/websocket/Proxy"
import type { Values } from "./setting.ts"
import type * as Tables from "./tables.ts"

type Settings = Values<typeof Tables.proxy>

/** All of them, with the certificates that are in files. */
export const proxyOptions = (values: Settings, upstreamTls: Dialer.Tls): Proxy.Options => ({
  ...modeOf(values),
  upstream: values.upstream,
  handshakeTimeout: values["handshake-timeout"],
  onUpstreamLoss: values["on-upstream-loss"],
  backoff: Backoff.full({ baseDelay: values.backoff.min, maxDelay: values.backoff.max }),
  upstreamRetryBudget: values["upstream-retry-budget"],
  uncertain: values.uncertain,
  upstreamHandshake: values["upstream-handshake"],
  gateTimeout: values["gate-timeout"],
  bufferMessages: values["buffer-messages"],
  bufferBytes: values["buffer-bytes"],
  stallTimeout: values["stall-timeout"],
  heartbeat: values.heartbeat,
  heartbeatTimeout: values["heartbeat-timeout"],
  maxSessions: values["max-sessions"],
  memory: values.memory,
  maxDials: values["max-dials"],
  http: values.http,
  forwarded: values.forwarded,
  upstreamTls,
  compat: values.compat === "off" ? undefined : values.compat,
  drainTimeout: values["drain-timeout"],
})

const modeOf = (values: Settings): Proxy.SessionMode | Proxy.SenderMode | Proxy.ReceiverMode => {
  switch (values.mode) {
    case "session":
      return { mode: "session", linger: values.linger }
    case "sender":
      return { mode: "sender" }
    case "receiver":
      return {
        mode: "receiver",
        perConnection: values["per-connection"],
        trustConnectionId: values["trust-connection-id"],
      }
  }
}
