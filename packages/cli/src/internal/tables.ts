/**
 * Every setting of every program, once: flags, variables, keys of config files, help, `--explain` and the tables of the documents
 * all come from here. A default is written as an operator would write it.
 */
import { configFile, flagOnly, optional, required, setting } from "./setting.ts"
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

/** `holdfast proxy`. */
export const proxy = {
  upstream: required(Values.upstream, { metavar: "URL", description: "where clients are joined to: ws:// or wss://" }),
  listen: setting(Values.address, "127.0.0.1:8080", {
    metavar: "HOST:PORT",
    description: "where clients come in; port 0 takes a free one",
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
  "max-message": setting(Values.size, "16MiB", {
    metavar: "SIZE",
    description: "a larger message ends its connection with 1009",
  }),
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
  rate: setting(Values.count(1, 10_000), "20", { metavar: "N", description: "messages the client sends per second" }),
  for: optional(Values.duration("above 0"), { metavar: "TIME", description: "stop by itself after this long" }),
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
export const tables = { proxy, up, status }

/** The name of a program. */
export type ProgramName = keyof typeof tables
