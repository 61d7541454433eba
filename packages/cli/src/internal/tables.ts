/**
 * Every setting of every program, once: flags, variables, keys of config files, help, `--explain` and the tables of the documents
 * all come from here. A default is written as an operator would write it.
 */
import { configFile, flagOnly, optional, required, setting, toggle } from "./setting.ts"
import * as Values from "./values.ts"

const shared = {
  config: configFile(Values.path, {
    metavar: "FILE",
    description: "settings as JSON or YAML; the keys are flag names",
  }),
  "log-level": setting(Values.choice("trace", "debug", "info", "warning", "error", "none"), "info", {
    metavar: "LEVEL",
    description: "trace, debug, info, warning, error or none",
  }),
  "log-format": setting(Values.choice("pretty", "json"), "pretty", {
    metavar: "pretty|json",
    description: "lines for people, or one JSON object per line",
  }),
  explain: flagOnly("print in words what the settings promise, and stop"),
}

const adminToken = optional(Values.path, {
  metavar: "FILE",
  description: "the token the admin listener asks for; must be given when it is not on loopback",
})

/** What these are under `--compat` when nobody sets them. */
export const compatDefaults = { "max-message": "100MiB", memory: "512MiB" } as const

/** `holdfast proxy`. */
export const proxy = {
  upstream: required(Values.upstream, { metavar: "URL", description: "where clients are joined to: ws:// or wss://" }),
  listen: setting(Values.address, "127.0.0.1:8080", {
    metavar: "HOST:PORT",
    description: "where clients come in; port 0 takes a free one",
  }),
  mode: setting(Values.choice("session", "sender", "receiver"), "session", {
    metavar: "session|sender|receiver",
    description: "who may come and go: both ends, only the upstream, or clients of an upstream that stays",
  }),
  admin: setting(Values.addressOrOff, "127.0.0.1:9464", {
    metavar: "HOST:PORT|off",
    description: "metrics, health and API; this default gives way to a free port when it is taken",
  }),
  "admin-token-file": adminToken,
  "handshake-timeout": setting(Values.duration("above 0"), "10s", {
    metavar: "TIME",
    description: "for a client to send its headers and, after that, for the upstream to answer; then 504",
  }),
  linger: setting(Values.duration("from 0"), "60s", {
    metavar: "TIME",
    description: "in session mode: a client that vanished may come back this long",
  }),
  "on-upstream-loss": setting(Values.choice("reconnect", "close"), "reconnect", {
    metavar: "reconnect|close",
    description: "a lost upstream is dialled again, or the client is told at once",
  }),
  "upstream-retry-budget": setting(Values.duration("above 0"), "30s", {
    metavar: "TIME",
    description: "for all dials to a lost upstream together; then the client gets 1014",
  }),
  backoff: setting(Values.span, "100ms..5s", {
    metavar: "MIN..MAX",
    description: "the longest pause between those dials: at first, doubling, and at last; with full jitter",
  }),
  uncertain: setting(Values.choice("drop", "replay", "fail"), "drop", {
    metavar: "drop|replay|fail",
    description: "messages sent but not confirmed when a connection died: report, send again, or close with 1011",
  }),
  "upstream-handshake": setting(Values.choice("none", "first-message"), "none", {
    metavar: "none|first-message",
    description: "the upstream's first message lets the client's through, and is sent first to the next upstream",
  }),
  "gate-timeout": setting(Values.duration("above 0"), "10s", {
    metavar: "TIME",
    description: "that first message must come within this; else the client gets 1014",
  }),
  "buffer-messages": setting(Values.count(1, 1_000_000), "1024", {
    metavar: "N",
    description: "wait per session and direction; then whoever sends them is not read",
  }),
  "buffer-bytes": setting(Values.size, "1MiB", {
    metavar: "SIZE",
    description: "the same in bytes; both may be exceeded by one message or one read of 64 KiB",
  }),
  "stall-timeout": setting(Values.duration("above 0"), "20s", {
    metavar: "TIME",
    description: "who is there and takes nothing of a full buffer this long gets 4413, the other side 1013",
  }),
  heartbeat: setting(Values.duration("above 0"), "15s", {
    metavar: "TIME",
    description: "how often each peer is asked for a sign of life; any byte is one",
  }),
  "heartbeat-timeout": setting(Values.duration("above 0"), "10s", {
    metavar: "TIME",
    description: "a peer that is silent this long after that counts as lost",
  }),
  "max-message": setting(Values.size, "16MiB", {
    metavar: "SIZE",
    description: `a larger message ends its connection with 1009; ${compatDefaults["max-message"]} under --compat`,
  }),
  memory: setting(Values.size, "256MiB", {
    metavar: "SIZE",
    description: `all that is held, over all sessions; room for four messages; ${compatDefaults.memory} under --compat`,
  }),
  "per-connection": toggle(Values.onOff, "in receiver mode: one upstream per x-connection-id, not one for all"),
  "trust-connection-id": toggle(Values.onOff, "with --per-connection: later clients of an id need not show its token"),
  http: setting(Values.choice("refuse", "forward"), "refuse", {
    metavar: "refuse|forward",
    description: "plain HTTP gets 426, or goes on to the upstream's origin",
  }),
  "max-sessions": setting(Values.count(1, 1_000_000), "10000", {
    metavar: "N",
    description: "at a time; one more gets 503 with Retry-After",
  }),
  "max-dials": setting(Values.count(1, 1_000_000), "64", {
    metavar: "N",
    description: "upstreams dialled at a time; more wait their turn",
  }),
  forwarded: setting(Values.onOff, "on", {
    metavar: "on|off",
    description: "append x-forwarded-for, -proto and -host",
  }),
  compat: setting(Values.choice("off", "ws-reconnect-proxy"), "off", {
    metavar: "off|ws-reconnect-proxy",
    description: "speak the dialect of that proxy, weaknesses included: who knows an id can take its session over",
  }),
  "upstream-ca": optional(Values.path, {
    metavar: "FILE",
    description: "authorities to trust for the upstream, as PEM, instead of the system's",
  }),
  "upstream-cert": optional(Values.path, {
    metavar: "FILE",
    description: "certificate chain and private key to show the upstream, as PEM",
  }),
  "tls-cert": optional(Values.path, { metavar: "FILE", description: "certificate chain for clients, as PEM" }),
  "tls-key": optional(Values.path, { metavar: "FILE", description: "its private key, as PEM" }),
  "client-ca": optional(Values.path, {
    metavar: "FILE",
    description: "clients must show a certificate of these authorities, as PEM",
  }),
  "drain-delay": setting(Values.duration("from 0"), "0s", {
    metavar: "TIME",
    description: "after SIGTERM, how long to go on serving while /readyz says 503",
  }),
  "drain-timeout": setting(Values.duration("from 0"), "10s", {
    metavar: "TIME",
    description: "then, how long sessions have to end before they are cut",
  }),
  ...shared,
}

/** `holdfast up`. */
export const up = {
  listen: setting(Values.address, "127.0.0.1:0", {
    metavar: "HOST:PORT",
    description: "where the proxy takes clients; port 0 takes a free one",
  }),
  admin: setting(Values.addressOrOff, "127.0.0.1:0", {
    metavar: "HOST:PORT|off",
    description: "metrics, health and API; port 0 takes a free one",
  }),
  "admin-token-file": adminToken,
  chaos: toggle(Values.onOff, "kill the upstream every few seconds, and start it again on its port"),
  rate: setting(Values.count(1, 10_000), "20", { metavar: "N", description: "messages the client sends per second" }),
  for: optional(Values.duration("above 0"), { metavar: "TIME", description: "stop by itself after this long" }),
  ...shared,
}

/** `holdfast chaos`. */
export const chaos = {
  upstream: required(Values.server, { metavar: "HOST:PORT", description: "where clients end up: a TCP server" }),
  listen: setting(Values.address, "127.0.0.1:0", {
    metavar: "HOST:PORT",
    description: "where clients come in; port 0 takes a free one",
  }),
  plan: optional(Values.path, {
    metavar: "FILE",
    description: "faults and their times as JSON; played once, from the start",
  }),
  fault: optional(Values.text, {
    metavar: "FAULTS",
    description: "the same in short, until the end: latency:delay=200ms;reset:after=64KiB,at=5s",
  }),
  api: optional(Values.address, {
    metavar: "HOST:PORT",
    description: "speak the HTTP API of Toxiproxy here, on loopback only",
  }),
  record: optional(Values.path, {
    metavar: "FILE",
    description: "write what goes wrong, by keys and by the API too, as a plan that plays it again",
  }),
  admin: setting(Values.addressOrOff, "off", {
    metavar: "HOST:PORT|off",
    description: "metrics, health and API; port 0 takes a free one",
  }),
  "admin-token-file": adminToken,
  ...shared,
}

/** `holdfast status`. */
export const status = {
  admin: setting(Values.adminUrl, "http://127.0.0.1:9464", {
    metavar: "URL",
    description: "the admin listener to ask; HOST:PORT stands for http://HOST:PORT",
  }),
  "token-file": optional(Values.path, { metavar: "FILE", description: "the token that the admin listener asks for" }),
  json: flagOnly("print one JSON object"),
  config: shared.config,
  explain: shared.explain,
}

/** All tables by program. */
export const tables = { proxy, up, chaos, status }

/** The name of a program. */
export type ProgramName = keyof typeof tables
