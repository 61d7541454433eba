/**
 * The options of a proxy, checked, as a session follows them. Plain data and pure functions.
 */
import * as Bytes from "@holdfast/core/Bytes"
import type { Options } from "../Proxy.ts"
import type { CloseInfo } from "../Transport.ts"
import { millis, positive, wholeFrom1 } from "./checks.ts"
import type { Marks } from "./flow.ts"
import type { Beat } from "./pulse.ts"

/** What becomes of messages that were sent and not confirmed. */
export type Uncertain = "drop" | "replay" | "fail"

export interface Rules {
  /** One client at a time, the newest; otherwise everybody is welcome. */
  readonly single: boolean
  /** How long the session waits for a client, in milliseconds. */
  readonly linger: number
  /** Whether it waits after such an end. */
  readonly lingers: (client: CloseInfo) => boolean
  /** Whether the upstream is dialled again after such an end. */
  readonly redials: (upstream: CloseInfo) => boolean
  /** The upstream is never given up. */
  readonly forever: boolean
  /** How long a lost upstream is dialled, in milliseconds. */
  readonly retryBudget: number
  /** How long a connection to the upstream must live before its loss is a new one, in milliseconds. */
  readonly stableAfter: number
  readonly uncertain: Uncertain
  readonly marks: Marks
  /** Milliseconds. */
  readonly stall: number
  readonly beat: Beat
  readonly gate: boolean
  /** Milliseconds. */
  readonly gateTimeout: number
  readonly compat: boolean
}

/** A bad one is a defect that names it. */
export const make = <R>(options: Options<R>): Rules => {
  const compat = options.compat === "ws-reconnect-proxy"
  if (compat && options.mode === "receiver")
    throw new TypeError("compat: its words are about one client; not for receiver")
  const forever = isShared(options)
  const { onUpstreamLoss = "reconnect" } = options
  return {
    single: options.mode !== "receiver",
    linger: lingerOf(options),
    lingers: (client) => options.mode === "receiver" || (canLinger(options) && (compat || hasVanished(client))),
    redials: (upstream) =>
      forever ||
      (onUpstreamLoss === "reconnect" && (isDown(upstream) || (compat && upstream.reason === "Service Restart"))),
    forever,
    retryBudget: forever ? Number.POSITIVE_INFINITY : millis(options.upstreamRetryBudget ?? "30 seconds"),
    stableAfter: 5000,
    uncertain: options.uncertain ?? "drop",
    marks: {
      messages: wholeFrom1("bufferMessages", options.bufferMessages ?? 1024),
      bytes: wholeFrom1("bufferBytes", Bytes.toNumber(options.bufferBytes ?? "1MiB")),
    },
    stall: positive("stallTimeout", options.stallTimeout ?? "20 seconds"),
    beat: {
      interval: positive("heartbeat", options.heartbeat ?? "15 seconds"),
      timeout: positive("heartbeatTimeout", options.heartbeatTimeout ?? "10 seconds"),
    },
    gate: options.upstreamHandshake === "first-message",
    gateTimeout: positive("gateTimeout", options.gateTimeout ?? "10 seconds"),
    compat,
  }
}

/** One upstream for everybody. */
const isShared = <R>(options: Options<R>): boolean => options.mode === "receiver" && options.perConnection !== true

/** The client did not say that it is to be over: its connection broke, or its page is left (RFC 6455 7.4.1). */
export const hasVanished = ({ clean, code }: CloseInfo): boolean => code === (clean ? 1001 : 1006)

/** The upstream broke, or said that it, or what is behind it, goes away for a while (RFC 6455 7.4.1 and the IANA registry). */
export const isDown = ({ clean, code }: CloseInfo): boolean => (clean ? goingAway.has(code) : code === 1006)

const goingAway: ReadonlySet<number> = new Set([1001, 1012, 1013, 1014])

const canLinger = <R>({ mode }: Options<R>): boolean => mode === undefined || mode === "session"

const lingerOf = <R>(options: Options<R>): number => {
  if (options.mode === "receiver") return Number.POSITIVE_INFINITY
  return options.mode === "sender" ? 0 : millis(options.linger ?? "60 seconds")
}
