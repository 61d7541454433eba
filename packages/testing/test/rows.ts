/**
 * Histories written by hand.
 */
import type { History } from "@holdfast/testing"
import type { Schema } from "effect"

type Short = readonly [kind: History.Row["kind"], op: string, key?: string | number, more?: More]

interface More {
  readonly at?: number
  readonly host?: string
  readonly value?: Schema.Json
}

/** A history of short rows; a row is as late as the one before unless it says more. */
export const rows = (...all: ReadonlyArray<Short>): ReadonlyArray<History.Row> => {
  let now = 0
  return all.map(([kind, op, key = "", { at = now, host = "", value = null } = {}], index) => {
    now = at
    return { index, at, host, kind, op, key: String(key), value }
  })
}

/** A dial that begins now, and how it ends. */
export const dial = (key: string, at: number, host = "client"): Short => [
  "net",
  "dial",
  key,
  { at, host, value: { to: "server:80" } },
]
export const connect = (key: string, at: number, host = "client"): Short => ["net", "connect", key, { at, host }]
export const refuse = (key: string, at: number, host = "client"): Short => ["net", "refuse", key, { at, host }]
export const close = (key: string, at: number, host = "client"): Short => ["net", "close", key, { at, host }]

/** A send that is tried and succeeds at once, and an arrival. */
export const send = (key: number, value?: Schema.Json): ReadonlyArray<Short> => [
  ["invoke", "send", key, value === undefined ? {} : { value }],
  ["ok", "send", key, value === undefined ? {} : { value }],
]
export const receive = (key: number, value?: Schema.Json): Short => [
  "ok",
  "receive",
  key,
  value === undefined ? { host: "server" } : { value, host: "server" },
]
